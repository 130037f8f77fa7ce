#pragma once
/* What lib/rbtree.c and its headers need of the kernel's linux/compiler.h, for user space. */
#include <stdbool.h>

#define __always_inline inline __attribute__((__always_inline__))
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define READ_ONCE(place) (*(const volatile __typeof__(place) *)&(place))
#define WRITE_ONCE(place, value) (*(volatile __typeof__(place) *)&(place) = (value))
