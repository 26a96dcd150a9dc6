/* SPDX-License-Identifier: MIT */
/* What a parser must hold for any input, shared by the fuzzers and by the plain replay. */
#ifndef MURPHY_FUZZ_JUDGE_H
#define MURPHY_FUZZ_JUDGE_H

#include "table/table.h"

#include <stddef.h>

typedef int fuzz_parse_fn(const char *buf, size_t len, struct table *t);

/*
 * Parse a copy of len bytes that ends where its heap block ends, so that a sanitizer sees the
 * first byte read too far. Aborts, with the reason on stderr, when the parser
 *
 *   gives anything but 0 or a negative errno,
 *   fails and yet leaves rows,
 *   makes more rows than the input has bytes (and one),
 *   sets a has-bit without a column, or a text that is not in the table's pool.
 *
 * Returns what the parser returned.
 */
int fuzz_judge_parser(
	fuzz_parse_fn *parse, const struct schema *schema, const char *buf, size_t len);

#endif
