#pragma once
#include <stddef.h>

/* The record that a member is part of. */
#define container_of(member_pointer, type, member) \
	((type *)((char *)(member_pointer) - offsetof(type, member)))
