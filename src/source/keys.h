/* SPDX-License-Identifier: MIT */
/*
 * Which column a name in a kernel file fills. Names that are in no list are skipped: kernels add.
 */
#ifndef MURPHY_SOURCE_KEYS_H
#define MURPHY_SOURCE_KEYS_H

#include "base/cursor.h"
#include "table/table.h"

enum { KEYS_MAX = 64 };

struct key {
	const char *name;
	unsigned int column;
	uint64_t scale; /* the column's unit in the file's: 1024 for KiB; 0 is 1 */
};

/*
 * Put value into the column of the key called name, adding where several keys share the column (a
 * counter that some kernels split). seen starts as 0 and holds a bit per key.
 *
 * Errors: -EINVAL when the name comes twice or the value overflows; 0 also for unknown names.
 */
int keys_put(const struct key *keys, size_t n, uint64_t *seen, struct span name, uint64_t value,
	const struct schema *schema, void *row);

#endif
