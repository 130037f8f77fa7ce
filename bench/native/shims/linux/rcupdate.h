#pragma once
/* The one thread here publishes to nobody: x86 orders stores anyway, so the kernel pays no more. */
#include <linux/compiler.h>

#define rcu_assign_pointer(pointer, value) WRITE_ONCE(pointer, value)
