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

/*
 * A loop over many numbers that pays to have for all CPUs, for those with AVX2 and for those with
 * AVX-512. The loader chooses, which not all C libraries can, and not below a sanitizer.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#define VECTOR __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define VECTOR
#endif

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
