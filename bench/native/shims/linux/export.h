#pragma once
/* Nothing is exported to modules here. */
#define EXPORT_SYMBOL(symbol)
