/* SPDX-License-Identifier: MIT */
/*
 * The tables in /proc/net/stat: a head of names, then a line of hexadecimal numbers for each CPU.
 */
#ifndef MURPHY_SOURCE_STAT_TABLE_H
#define MURPHY_SOURCE_STAT_TABLE_H

#include "source/keys.h"

enum { STAT_COLUMNS_MAX = 32 };

/*
 * Add the columns called as in keys up over all CPUs, into row; first: those whose every line says
 * the same number, the entries of the whole table, which are not added up.
 *
 * Errors: -EINVAL malformed or overflow, -ENODATA no head, or no line below it.
 */
int stat_table_sum(const char *buf, size_t len, const struct key *keys, size_t n, const char *first,
	const struct schema *schema, void *row);

#endif
