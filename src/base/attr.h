/* SPDX-License-Identifier: MIT */
/* Compiler attributes and scope-bound cleanup. */
#ifndef MURPHY_BASE_ATTR_H
#define MURPHY_BASE_ATTR_H

#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define MUST_USE __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))

static inline void attr_free(void *slot)
{
	void **p = slot;

	free(*p);
}

static inline void attr_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* auto_free char *p = NULL;   freed when it leaves scope. */
#define auto_free __attribute__((cleanup(attr_free)))
/* auto_close fd = open(...);  an int, closed when it leaves scope if >= 0. */
#define auto_close __attribute__((cleanup(attr_close))) int

#endif
