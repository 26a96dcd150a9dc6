/* SPDX-License-Identifier: MIT */
/*
 * Allocation that can be made to fail on demand: with -Dfault=true, MURPHY_FAULT=alloc:N makes the
 * N-th call of this process return NULL, so that tests walk every path out of it.
 */
#ifndef MURPHY_BASE_MEM_H
#define MURPHY_BASE_MEM_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

enum fault {
	FAULT_ALLOC,
	FAULT_READ,
	FAULT_WRITE,
};

/* True when this call is the one that the test wants to fail. Always false without -Dfault. */
#ifdef MURPHY_WITH_FAULT
bool fault_now(enum fault kind);
#else
#define fault_now(kind) (0 * (kind))
#endif

/* n zeroed objects of size bytes; NULL on overflow or when memory is out. Freed with free(). */
void *mem_new(size_t n, size_t size) MUST_USE __attribute__((malloc));

/* Resize to n objects of size bytes. NULL leaves old as it was. New bytes are not zeroed. */
void *mem_resize(void *old, size_t n, size_t size) MUST_USE;

/* A copy of len bytes of s and a NUL. */
char *mem_dup(const char *s, size_t len) MUST_USE __attribute__((malloc));

#endif
