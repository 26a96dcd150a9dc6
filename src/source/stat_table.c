/* SPDX-License-Identifier: MIT */
#include "source/stat_table.h"

#include <errno.h>
#include <string.h>

struct columns {
	unsigned int key[STAT_COLUMNS_MAX]; /* of keys, or their number: nobody wants it */
	size_t n;
};

static int parse_head(
	struct cursor *head, const struct key *keys, size_t n, struct columns *ret_columns)
{
	struct span name;

	while (cursor_word(head, &name)) {
		unsigned int at = 0;

		if (ret_columns->n == STAT_COLUMNS_MAX)
			return -EINVAL;
		while (at < n && !span_eq(name, keys[at].name))
			at++;
		for (size_t i = 0; at < n && i < ret_columns->n; i++) {
			if (ret_columns->key[i] == at)
				return -EINVAL;
		}
		ret_columns->key[ret_columns->n++] = at;
	}
	return ret_columns->n ? 0 : -ENODATA;
}

/* Kernels may have fewer names than numbers: what has no name is skipped. */
static int parse_line(struct cursor *line, const struct columns *columns, const struct key *keys,
	size_t n, const char *first, uint64_t *sum, bool begin)
{
	uint64_t value;

	for (size_t i = 0; i < columns->n; i++) {
		unsigned int key = columns->key[i];

		if (!cursor_x64(line, &value))
			return -EINVAL;
		if (key == n)
			continue;
		if (begin || strcmp(first, keys[key].name) == 0)
			sum[key] = value;
		else if (__builtin_add_overflow(sum[key], value, &sum[key]))
			return -EINVAL;
	}
	return 0;
}

int stat_table_sum(const char *buf, size_t len, const struct key *keys, size_t n, const char *first,
	const struct schema *schema, void *row)
{
	struct cursor c = cursor_of(buf, len), line;
	struct columns columns = { .n = 0 };
	uint64_t sum[STAT_COLUMNS_MAX] = { 0 };
	bool begin = true;
	int err = cursor_line(&c, &line) ? parse_head(&line, keys, n, &columns) : -ENODATA;

	while (err == 0 && cursor_line(&c, &line)) {
		cursor_blank(&line);
		if (cursor_end(&line))
			continue;
		err = parse_line(&line, &columns, keys, n, first, sum, begin);
		begin = false;
	}
	if (err < 0)
		return err;
	if (begin)
		return -ENODATA;
	for (size_t i = 0; i < columns.n; i++) {
		if (columns.key[i] < n)
			row_put(schema, row, keys[columns.key[i]].column, sum[columns.key[i]]);
	}
	return 0;
}
