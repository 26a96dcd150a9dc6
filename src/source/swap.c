/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/mangled.h"
#include "source/source.h"

#include <errno.h>

static int parse_line(struct cursor *c, struct table *t)
{
	struct span path, type;
	uint64_t size, used;
	struct swap s = { 0 };
	int64_t priority;

	if (!cursor_word(c, &path) || !cursor_word(c, &type) || !cursor_u64(c, &size) ||
		!cursor_u64(c, &used) || !cursor_s64(c, &priority) ||
		__builtin_mul_overflow(size, 1024, &size) ||
		__builtin_mul_overflow(used, 1024, &used))
		return -EINVAL;
	row_put(t->schema, &s, SWAP_path, mangled_intern(t, path));
	row_put(t->schema, &s, SWAP_file, span_eq(type, "file"));
	row_put(t->schema, &s, SWAP_size_bytes, size);
	row_put(t->schema, &s, SWAP_used_bytes, used);
	row_put(t->schema, &s, SWAP_priority, (uint64_t)priority);
	struct swap *row = s.path ? table_add(t) : NULL;

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

/*
 * Parse /proc/swaps. Pure.
 *
 * Shape:  a line of headings, then "PATH TYPE SIZE USED PRIORITY"; no area is no error.
 * Units:  KiB.
 * Errors: -EINVAL malformed line, -ENODATA no headings.
 * Source: mm/swapfile.c, swap_show().
 */
int swap_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	if (!cursor_line(&c, &line) || !cursor_lit(&line, "Filename"))
		return -ENODATA;
	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_end(&line))
			err = parse_line(&line, t);
	}
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_swap(struct probe *p)
{
	return probe_parse(p, TABLE_swap, "proc/swaps", 1 << 20, swap_parse);
}

const struct source source_swap = {
	.name = "swap",
	.fills = { TABLE_swap },
	.deadline_ns = 500000000,
	.read = read_swap,
};
