/* SPDX-License-Identifier: MIT */
#include "source/keys.h"

#include <errno.h>
#include <string.h>

static int put(const struct key *k, uint64_t value, const struct schema *schema, void *row)
{
	const char *at = (const char *)row + schema->columns[k->column].offset;
	bool narrow = schema->columns[k->column].type == TYPE_u32;
	uint32_t small;
	uint64_t was;
	has_t has;

	memcpy(&has, row, sizeof(has));
	if (k->scale && __builtin_mul_overflow(value, k->scale, &value))
		return -EINVAL;
	if (row_has(has, k->column)) {
		if (narrow) {
			memcpy(&small, at, sizeof(small));
			was = small;
		} else {
			memcpy(&was, at, sizeof(was));
		}
		if (__builtin_add_overflow(value, was, &value))
			return -EINVAL;
	}
	if (narrow && value > UINT32_MAX)
		return -EINVAL;
	row_put(schema, row, k->column, value);
	return 0;
}

int keys_put(const struct key *keys, size_t n, uint64_t *seen, struct span name, uint64_t value,
	const struct schema *schema, void *row)
{
	for (size_t i = 0; i < n; i++) {
		if (!span_eq(name, keys[i].name))
			continue;
		if (*seen >> i & 1)
			return -EINVAL;
		*seen |= (uint64_t)1 << i;
		return put(&keys[i], value, schema, row);
	}
	return 0;
}
