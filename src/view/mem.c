/* SPDX-License-Identifier: MIT */
#include "view/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const sorts[MEM_SORTS] = {
	[MEM_SORT_PSS] = "pss",
	[MEM_SORT_RSS] = "rss",
	[MEM_SORT_USS] = "uss",
	[MEM_SORT_EXCLUSIVE] = "exclusive",
	[MEM_SORT_SWAP] = "swap",
	[MEM_SORT_PAGE_TABLES] = "page-tables",
	[MEM_SORT_PROCESSES] = "processes",
	[MEM_SORT_NAME] = "name",
};

const char *mem_sort_name(enum mem_sort sort)
{
	return sorts[sort];
}

bool mem_sort_parse(const char *text, enum mem_sort *ret_sort)
{
	for (int sort = 0; sort < MEM_SORTS; sort++) {
		if (strcmp(text, sorts[sort]) == 0) {
			*ret_sort = (enum mem_sort)sort;
			return true;
		}
	}
	return false;
}

/* What a row is sorted by: the largest first, then by name. */
struct place {
	double value; /* below 0: not known */
	const char *name;
	const void *row;
};

static int compare_places(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Of a group, shared object or mapping: the column that it is sorted by; -1: it has none such. */
static int column_of(enum mem_what what, enum mem_sort sort)
{
	static const int columns[3][MEM_SORTS] = {
		[MEM_GROUPS] = { GROUP_SHARE_pss_bytes, GROUP_SHARE_rss_bytes,
			GROUP_SHARE_uss_bytes, GROUP_SHARE_exclusive_bytes,
			GROUP_SHARE_swap_pss_bytes, GROUP_SHARE_page_tables_bytes, -1, -1 },
		[MEM_SHARED] = { SHARED_OBJECT_pss_bytes, SHARED_OBJECT_resident_bytes, -1, -1, -1,
			-1, SHARED_OBJECT_processes, -1 },
		[MEM_PROCESS] = { MAPPING_pss_bytes, MAPPING_rss_bytes, MAPPING_uss_bytes, -1,
			MAPPING_swap_bytes, -1, MAPPING_mappings, -1 },
	};

	return columns[what][sort];
}

bool mem_sorts(enum mem_what what, enum mem_sort sort)
{
	return sort == MEM_SORT_NAME || (what == MEM_GROUPS && sort == MEM_SORT_PROCESSES) ||
	       column_of(what, sort) >= 0;
}

static double value_of(const struct table *t, const void *row, int column)
{
	struct reading r = row && column >= 0 ? table_cell(t, row, (unsigned int)column)
					      : reading_none(STATE_ABSENT);

	return reading_ok(r) ? r.value : -1;
}

static struct place group_place(const struct mem_report *r, const struct mem_group *g)
{
	const struct table *t = frame_table(r->frame, TABLE_group_share);
	struct place p = { .name = g->name, .row = g };

	if (r->sort == MEM_SORT_PROCESSES)
		p.value = (double)g->processes;
	else if (r->sort != MEM_SORT_NAME)
		p.value = value_of(t, g->share, column_of(MEM_GROUPS, r->sort));
	/* As it is shown: at most that. */
	if (r->sort == MEM_SORT_SWAP && p.value < 0)
		p.value = value_of(t, g->share, GROUP_SHARE_swap_bytes);
	return p;
}

static struct place row_place(const struct mem_report *r, const struct table *t, const void *row)
{
	struct place p = { .row = row };

	p.name = table_text(t, r->what == MEM_SHARED ? ((const struct shared_object *)row)->path
						     : ((const struct mapping *)row)->path);
	if (r->sort != MEM_SORT_NAME)
		p.value = value_of(t, row, column_of(r->what, r->sort));
	return p;
}

static int order(struct mem_report *r, struct arena *a)
{
	enum table_id id = r->what == MEM_SHARED ? TABLE_shared_object : TABLE_mapping;
	const struct table *t = frame_table(r->frame, id);
	size_t most = r->what == MEM_GROUPS ? r->groups->n : table_usable(t) ? t->n : 0, n = 0;
	struct place *place = arena_new(a, (most + 1) * sizeof(*place));

	r->row = arena_new(a, (most + 1) * sizeof(*r->row));
	if (!place || !r->row)
		return -ENOMEM;
	for (size_t i = 0; i < most; i++) {
		const struct mem_group *g = &r->groups->group[i];

		if (r->what != MEM_GROUPS)
			place[n++] = row_place(r, t, table_at(t, i));
		else if (!g->kernel)
			place[n++] = group_place(r, g);
	}
	qsort(place, n, sizeof(*place), compare_places);
	for (size_t i = 0; i < n; i++)
		r->row[i] = place[i].row;
	r->n_rows = n;
	return 0;
}

/* Tables that one source fills miss the same for the same reason: that is said once. */
static bool same_lack(const struct table *t, const struct table *said)
{
	return t && said && t != said && t->method == said->method && t->state == said->state &&
	       t->lost == said->lost && strcmp(t->why, said->why) == 0;
}

/* What of a table is missing, before what that means. */
static void add_lack(
	struct mem_report *r, const struct table *t, const char *meaning, struct arena *a)
{
	if (same_lack(t, r->source) || r->n_lacks == MEM_LACKS ||
		(t && t->state == STATE_OK && t->lost == 0))
		return;
	if (!t)
		r->lack[r->n_lacks++] = arena_printf(a, "%s: it was not read", meaning);
	else if (t->state == STATE_OK)
		r->lack[r->n_lacks++] = arena_printf(a, "%s (%llu): %s", meaning,
			(unsigned long long)t->lost, t->why[0] ? t->why : "they could not be read");
	else
		r->lack[r->n_lacks++] =
			arena_printf(a, "%s: %s, %s", meaning, state_name(t->state), t->why);
}

static bool whole(const struct table *t)
{
	return t && t->state == STATE_OK && t->lost == 0;
}

static void find_lacks(struct mem_report *r, struct arena *a)
{
	const struct table *processes = frame_table(r->frame, TABLE_process);
	const struct table *objects = frame_table(r->frame, TABLE_shared_object);
	const enum table_id *by = mem_groups_tables(r->groups->by);

	if (r->what != MEM_PROCESS)
		add_lack(r, processes, "processes are missing", a);
	add_lack(r, r->source,
		r->what == MEM_SHARED ? "shared objects are missing" : "memory is missing", a);
	bool outside = r->what != MEM_PROCESS && r->groups->outside;

	if (outside && r->n_lacks < MEM_LACKS)
		r->lack[r->n_lacks++] = "processes outside of this pid namespace are not seen: "
					"run it on the host";
	r->blind = outside || !whole(r->source) || (r->what != MEM_PROCESS && !whole(processes));
	for (size_t i = 0; r->what == MEM_GROUPS && i < 2 && by[i]; i++)
		add_lack(r, frame_table(r->frame, by[i]),
			r->groups->by == MEM_BY_EXECUTABLE
				? "executables are missing, names stand for them"
				: "what some processes belong to is missing",
			a);
	if (r->what == MEM_GROUPS && objects && r->source && table_usable(r->source))
		add_lack(r, frame_table(r->frame, TABLE_object_share),
			"who shares with whom is missing", a);
}

/* Asked for, but nothing could count: an estimate must not be taken for it. */
static void find_estimate(struct mem_report *r, struct arena *a)
{
	const struct table *t = r->source;
	bool estimate =
		table_usable(t) && t->method &&
		(strcmp(t->method, "page_sample") == 0 || strcmp(t->method, "page_status") == 0);

	if (r->exact && estimate && r->n_lacks < MEM_LACKS)
		r->lack[r->n_lacks++] = arena_printf(a,
			"exact values were asked for: %s, which estimates, is what there is",
			t->method);
}

int mem_view(struct mem_report *r, struct arena *a)
{
	static const enum table_id sources[] = { TABLE_group_share, TABLE_shared_object,
		TABLE_mapping };

	r->source = frame_table(r->frame, sources[r->what]);
	find_lacks(r, a);
	find_estimate(r, a);
	int err = order(r, a);

	return err < 0 ? err : a->failed ? -ENOMEM : 0;
}

bool mem_process(const struct mem_report *r, struct process_share *ret, const struct table **ret_of)
{
	const struct table *t = frame_table(r->frame, TABLE_process_share);
	const struct table *mappings = frame_table(r->frame, TABLE_mapping);
	const struct process_share *p = table_usable(t) ? table_find(t, r->pid) : NULL;
	struct process_share share = p ? *p : (struct process_share){ .pid = r->pid };
	uint64_t rss = 0, pss = 0, uss = 0;

	*ret_of = t;
	if (t && whole(mappings) && mappings->n > 0) {
		for (table_each(const struct mapping, m, mappings)) {
			rss += m->rss_bytes;
			pss += m->pss_bytes;
			uss += m->uss_bytes;
		}
		row_put(t->schema, &share, PROCESS_SHARE_rss_bytes, rss);
		row_put(t->schema, &share, PROCESS_SHARE_pss_bytes, pss);
		row_put(t->schema, &share, PROCESS_SHARE_pss_error_bytes, 0);
		row_put(t->schema, &share, PROCESS_SHARE_uss_bytes, uss);
		*ret_of = mappings;
	} else if (!p) {
		return false;
	}
	*ret = share;
	return true;
}

/* The first row of that object; rows are sorted by it. */
static size_t first_of(const struct table *t, const struct shared_object *object)
{
	const struct object_share *row = t->row;
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		bool before = row[mid].dev != object->dev ? row[mid].dev < object->dev
							  : row[mid].inode < object->inode;

		if (before)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t mem_sharers(const struct mem_report *r, const struct shared_object *object,
	struct mem_sharer *ret, size_t max)
{
	const struct table *t = frame_table(r->frame, TABLE_object_share);
	size_t n = 0;

	for (size_t i = table_usable(t) ? first_of(t, object) : 0; table_usable(t) && i < t->n;
		i++) {
		const struct object_share *s = table_at(t, i);

		if (s->dev != object->dev || s->inode != object->inode)
			break;
		size_t at = n < max ? n++ : max;

		for (; at > 0 && ret[at - 1].share->pss_bytes < s->pss_bytes; at--) {
			if (at < max)
				ret[at] = ret[at - 1];
		}
		if (at < max)
			ret[at] = (struct mem_sharer){
				s->group < r->groups->n ? r->groups->group[s->group].name : "?", s
			};
	}
	return n;
}
