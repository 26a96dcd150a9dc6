/* SPDX-License-Identifier: MIT */
#include "source/page_vma.h"

#include <string.h>

static const char deleted[] = " (deleted)";

/* A number of hex digits, and the byte behind it, which is dropped. */
static bool hex(struct cursor *c, char stop, uint64_t *ret_value)
{
	const char *at = c->at;
	uint64_t value = 0;

	for (; at < c->end && at - c->at < 17; at++) {
		char d = *at;

		if (d >= '0' && d <= '9')
			value = value << 4 | (uint64_t)(d - '0');
		else if (d >= 'a' && d <= 'f')
			value = value << 4 | (uint64_t)(d - 'a' + 10);
		else
			break;
	}
	if (at == c->at || at >= c->end || *at != stop)
		return false;
	c->at = at + 1;
	*ret_value = value;
	return true;
}

static bool take(struct cursor *line, struct page_vma *v)
{
	uint64_t major, minor;

	if (!hex(line, '-', &v->start) || !hex(line, ' ', &v->end) || v->end <= v->start)
		return false;
	if (cursor_left(line) < 5)
		return false;
	v->shared = line->at[3] == 's';
	line->at += 5;
	if (!hex(line, ' ', &v->offset) || !hex(line, ':', &major) || !hex(line, ' ', &minor) ||
		!cursor_u64(line, &v->inode))
		return false;
	v->dev = major << 20 | minor;
	cursor_blank(line);
	v->path = (struct span){ line->at, cursor_left(line) };
	size_t mark = sizeof(deleted) - 1;

	if (v->path.len > mark && memcmp(line->end - mark, deleted, mark) == 0)
		v->path.len -= mark;
	return true;
}

bool page_vma_next(struct cursor *c, struct page_vma *ret_vma, bool *ret_bad)
{
	struct cursor line;
	struct page_vma v = { 0 };

	*ret_bad = false;
	if (!cursor_line(c, &line))
		return false;
	*ret_bad = !take(&line, &v);
	if (!*ret_bad)
		*ret_vma = v;
	return !*ret_bad;
}
