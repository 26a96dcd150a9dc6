/* SPDX-License-Identifier: MIT */
/* The few largest (nearest, weightiest...) of many, kept in order in an array. */
#ifndef MURPHY_BASE_FEW_H
#define MURPHY_BASE_FEW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make room for one more at place at (at most *n) of row: *n elements of size bytes, in room for
 * max. Those from there on move by one, and of a full row the last falls out. False, and nothing
 * moved: at lies behind a full row, so that the one does not belong to the few. The caller writes
 * row[at].
 */
bool few_open(void *row, size_t size, size_t *n, size_t max, size_t at);

#endif
