/* SPDX-License-Identifier: MIT */
#include "model/mem_groups.h"

#include "sample/shared_kind.h"

/*
 * Of an object that hundreds of groups map (the C library) only those that have most of it are held
 * against each: who shares most is among them, and the work stays linear.
 */
enum { TOP = 4 };

static void add_with(struct mem_group *g, size_t other, uint64_t bytes)
{
	size_t at = 0;

	while (at < g->n_with && g->with[at].group != other)
		at++;
	if (at == g->n_with && g->n_with < MEM_WITH_MAX)
		g->with[g->n_with++] = (struct mem_with){ .group = other };
	else if (at == g->n_with && g->with[--at].bytes >= bytes)
		return;
	else if (g->with[at].group != other)
		g->with[at] = (struct mem_with){ .group = other };
	g->with[at].bytes += bytes;
	for (; at > 0 && g->with[at - 1].bytes < g->with[at].bytes; at--) {
		struct mem_with swap = g->with[at];

		g->with[at] = g->with[at - 1];
		g->with[at - 1] = swap;
	}
}

/* The rows of one object. */
static void fold_object(struct mem_groups *g, const struct object_share *row, size_t n)
{
	const struct object_share *top[TOP] = { NULL };
	size_t n_top = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = n_top < TOP ? n_top++ : TOP;

		for (; at > 0 && top[at - 1]->pss_bytes < row[i].pss_bytes; at--) {
			if (at < TOP)
				top[at] = top[at - 1];
		}
		if (at < TOP)
			top[at] = &row[i];
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n_top && row[i].group < g->n; k++) {
			uint64_t other = top[k]->pss_bytes, own = row[i].pss_bytes;

			if (top[k]->group != row[i].group && top[k]->group < g->n && other && own)
				add_with(&g->group[row[i].group], top[k]->group,
					own < other ? own : other);
		}
	}
}

void mem_shares_fold(struct mem_groups *g, const struct table *shares)
{
	const struct object_share *row = table_usable(shares) ? shares->row : NULL;
	size_t from = 0;

	for (size_t i = 1; row && i <= shares->n; i++) {
		if (i < shares->n && row[i].dev == row[from].dev && row[i].inode == row[from].inode)
			continue;
		fold_object(g, row + from, i - from);
		from = i;
	}
}

struct reading mem_shares_shmem(const struct frame *f)
{
	const struct table *t = frame_table(f, TABLE_shared_object);
	double bytes = 0;

	if (!t || t->state != STATE_OK || t->lost > 0)
		return reading_none(STATE_ABSENT);
	for (table_each(const struct shared_object, o, t)) {
		if (o->kind >= SHARED_MEMFD && o->kind <= SHARED_TMPFS)
			bytes += (double)o->pss_bytes;
	}
	return reading_of(bytes);
}
