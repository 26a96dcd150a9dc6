/* SPDX-License-Identifier: MIT */
/* Memory that is dropped as a whole. Zero-initialised is an empty arena. */
#ifndef MURPHY_BASE_ARENA_H
#define MURPHY_BASE_ARENA_H

#include "base/attr.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena {
	struct arena_block *head;
	bool failed; /* an allocation failed since the start: what was built is not whole */
};

/* Drop everything; the arena is empty and usable again. */
void arena_release(struct arena *a);

/* size zeroed bytes aligned for any type, or NULL. */
void *arena_new(struct arena *a, size_t size) MUST_USE;

/* A copy of len bytes and a NUL, or NULL. */
char *arena_dup(struct arena *a, const char *s, size_t len) MUST_USE;

/* Formatted text. Never NULL: "" with a->failed set when memory is out. */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

#endif
