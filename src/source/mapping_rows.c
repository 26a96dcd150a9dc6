/* SPDX-License-Identifier: MIT */
#include "source/mapping_rows.h"

#include "sample/frame.h"

#include <stdlib.h>

struct mapping *mapping_add(struct table *t, const struct page_vma *v)
{
	text_t path = table_intern(t, v->path.at, v->path.len);
	struct mapping *row = v->path.len > 0 && path == 0 ? NULL : table_add(t);

	if (!row)
		return NULL;
	row_put(t->schema, row, MAPPING_path, path);
	row_put(t->schema, row, MAPPING_start, v->start);
	row_put(t->schema, row, MAPPING_mappings, 1);
	row_put(t->schema, row, MAPPING_size_bytes, v->end - v->start);
	return row;
}

static int by_name(const void *x, const void *y)
{
	const struct mapping *a = x, *b = y;

	if (a->path != b->path)
		return a->path < b->path ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

/* What one of them does not have is not known of all. */
static void add(struct mapping *to, const struct mapping *m)
{
	to->has &= m->has;
	to->mappings += m->mappings;
	to->size_bytes += m->size_bytes;
	to->rss_bytes += m->rss_bytes;
	to->pss_bytes += m->pss_bytes;
	to->pss_error_bytes += m->pss_error_bytes;
	to->uss_bytes += m->uss_bytes;
	to->swap_bytes += m->swap_bytes;
}

void mapping_fold(struct table *t, size_t first)
{
	size_t n = first;

	if (t->n == first)
		return;
	qsort(table_at(t, first), t->n - first, sizeof(struct mapping), by_name);
	for (size_t i = first + 1; i < t->n; i++) {
		struct mapping *to = table_at(t, n), *m = table_at(t, i);

		if (to->path == m->path)
			add(to, m);
		else
			*(struct mapping *)table_at(t, ++n) = *m;
	}
	table_cut(t, n + 1);
}
