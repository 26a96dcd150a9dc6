/* SPDX-License-Identifier: MIT */
#include "model/mem_groups.h"

#include "model/unit.h"
#include "sample/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum table_id tables[2];
} bys[MEM_BYS] = {
	[MEM_BY_EXECUTABLE] = { "executable", { TABLE_process_exe } },
	[MEM_BY_NAME] = { "name", { TABLE_none } },
	[MEM_BY_CGROUP] = { "cgroup", { TABLE_process_cgroup } },
	[MEM_BY_UNIT] = { "unit", { TABLE_process_cgroup } },
	[MEM_BY_USER] = { "user", { TABLE_process_status } },
	[MEM_BY_SESSION] = { "session", { TABLE_none } },
	[MEM_BY_PARENT] = { "parent", { TABLE_none } },
	[MEM_BY_PROCESS] = { "process", { TABLE_none } },
};

const char *mem_by_name(enum mem_by by)
{
	return bys[by].name;
}

bool mem_by_parse(const char *text, enum mem_by *ret_by)
{
	for (int by = 0; by < MEM_BYS; by++) {
		if (strcmp(text, bys[by].name) == 0) {
			*ret_by = (enum mem_by)by;
			return true;
		}
	}
	return false;
}

const enum table_id *mem_groups_tables(enum mem_by by)
{
	return bys[by].tables;
}

/* A process and what it is grouped by: members with the same mark are one group. */
enum sort { SORT_KNOWN, SORT_UNKNOWN, SORT_KERNEL };

struct member {
	enum sort sort;
	const char *text; /* executable, group, unit; "" */
	uint64_t id;      /* user, session, parent, process; 0 */
	uint64_t pid;
};

static int compare_mark(const struct member *a, const struct member *b)
{
	if (a->sort != b->sort)
		return a->sort < b->sort ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->text, b->text);
}

static int compare_members(const void *x, const void *y)
{
	const struct member *a = x, *b = y;
	int order = compare_mark(a, b);

	return order ? order : (a->pid > b->pid) - (a->pid < b->pid);
}

/* The executable; of somebody else's process, whose link may not be read, its name. */
static const char *executable(const struct frame *f, const struct process *p)
{
	const struct table *t = frame_table(f, TABLE_process_exe);
	const struct process_exe *e = table_usable(t) ? table_find(t, p->pid) : NULL;

	return e ? table_text(t, e->path) : table_text(frame_table(f, TABLE_process), p->comm);
}

static void mark_cgroup(const struct frame *f, struct member *m)
{
	const struct table *t = frame_table(f, TABLE_process_cgroup);
	const struct process_cgroup *g = table_usable(t) ? table_find(t, m->pid) : NULL;

	if (g)
		m->text = table_text(t, g->path);
	else
		m->sort = SORT_UNKNOWN;
}

/* A process of no unit is in a group of its own kind: "". */
static bool mark_unit(const struct frame *f, struct member *m, struct arena *a)
{
	mark_cgroup(f, m);
	if (m->sort != SORT_KNOWN)
		return true;
	struct span unit = unit_of_path(m->text);

	m->text = arena_dup(a, unit.at, unit.len);
	return m->text != NULL;
}

static void mark_user(const struct frame *f, struct member *m)
{
	const struct table *t = frame_table(f, TABLE_process_status);
	const struct process_status *s = table_usable(t) ? table_find(t, m->pid) : NULL;

	if (s && row_has(s->has, PROCESS_STATUS_uid))
		m->id = s->uid;
	else
		m->sort = SORT_UNKNOWN;
}

static bool mark(const struct frame *f, enum mem_by by, const struct process *p, struct arena *a,
	struct member *m)
{
	*m = (struct member){ .pid = p->pid, .text = "" };
	if (p->kthread) {
		m->sort = SORT_KERNEL;
		return true;
	}
	switch (by) {
	case MEM_BY_NAME:
		m->text = table_text(frame_table(f, TABLE_process), p->comm);
		return true;
	case MEM_BY_CGROUP:
		mark_cgroup(f, m);
		return true;
	case MEM_BY_UNIT:
		return mark_unit(f, m, a);
	case MEM_BY_USER:
		mark_user(f, m);
		return true;
	case MEM_BY_SESSION:
		m->id = p->session;
		return true;
	case MEM_BY_PARENT:
		m->id = p->ppid;
		return true;
	case MEM_BY_PROCESS:
		m->id = p->pid;
		return true;
	default:
		m->text = executable(f, p);
		return true;
	}
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static const char *comm_of(const struct frame *f, uint64_t pid)
{
	const struct table *t = frame_table(f, TABLE_process);
	const struct process *p = table_find(t, pid);

	return p ? table_text(t, p->comm) : NULL;
}

static const char *user_of(const struct frame *f, uint64_t uid, struct arena *a)
{
	const struct table *t = frame_table(f, TABLE_user_name);
	const struct user_name *u = table_usable(t) ? table_find(t, uid) : NULL;

	return u ? table_text(t, u->name) : arena_printf(a, "user %llu", (unsigned long long)uid);
}

/* "bash (session 12)", "session 12" when who began it is gone. */
static const char *with_number(
	const struct frame *f, const char *what, const char *before, uint64_t id, struct arena *a)
{
	const char *comm = comm_of(f, id);

	if (!comm)
		return arena_printf(a, "%s%s %llu", before, what, (unsigned long long)id);
	return arena_printf(a, "%s%s (%s %llu)", before, comm, what, (unsigned long long)id);
}

static void name_group(const struct frame *f, enum mem_by by, const struct member *m,
	struct arena *a, struct mem_group *g)
{
	g->id = m->id;
	g->has_id = m->sort == SORT_KNOWN && by >= MEM_BY_USER;
	g->kernel = m->sort == SORT_KERNEL;
	if (g->kernel) {
		g->name = "kernel threads";
	} else if (m->sort == SORT_UNKNOWN) {
		g->name = "(not known)";
	} else if (by == MEM_BY_EXECUTABLE) {
		g->name = base_of(m->text);
		g->path = m->text[0] == '/' ? m->text : NULL;
	} else if (by == MEM_BY_NAME) {
		g->name = m->text;
	} else if (by == MEM_BY_CGROUP) {
		g->name = g->path = m->text;
	} else if (by == MEM_BY_UNIT) {
		g->name = *m->text ? m->text : "(no unit)";
	} else if (by == MEM_BY_USER) {
		g->name = user_of(f, m->id, a);
	} else if (by == MEM_BY_SESSION) {
		g->name = with_number(f, "session", "", m->id, a);
	} else if (by == MEM_BY_PARENT) {
		g->name = with_number(f, "pid", "children of ", m->id, a);
	} else {
		g->name = comm_of(f, m->id);
	}
}

static int compare_names(const void *x, const void *y)
{
	const struct mem_group *const *a = x, *const *b = y;

	return strcmp((*a)->name, (*b)->name);
}

/* Two executables of one name, in different folders, are called by their paths. */
static int tell_apart(struct mem_groups *g, struct arena *a)
{
	struct mem_group **list = arena_new(a, (g->n + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		list[i] = &g->group[i];
	qsort(list, g->n, sizeof(*list), compare_names);
	for (size_t i = 0, stop; i < g->n; i = stop) {
		const char *name = list[i]->name;

		for (stop = i + 1; stop < g->n && strcmp(list[stop]->name, name) == 0;)
			stop++;
		for (size_t k = i; stop - i > 1 && k < stop; k++) {
			if (list[k]->path)
				list[k]->name = list[k]->path;
		}
	}
	return 0;
}

static int number(const struct frame *f, const struct member *member, size_t n, struct arena *a,
	struct mem_groups *g)
{
	for (size_t i = 0; i < n; i++) {
		const struct member *m = &member[i];

		if (i == 0 || compare_mark(m - 1, m) != 0) {
			struct mem_group *one = &g->group[g->n++];

			name_group(f, g->by, m, a, one);
			one->first = g->n_keys;
		}
		g->group[g->n - 1].processes++;
		g->unnamed += m->sort == SORT_UNKNOWN;
		if (m->sort != SORT_KERNEL)
			g->key[g->n_keys++] = member_key(g->n - 1, m->pid);
	}
	if (g->by == MEM_BY_EXECUTABLE && tell_apart(g, a) < 0)
		return -ENOMEM;
	return a->failed ? -ENOMEM : 0;
}

int mem_groups_make(const struct frame *f, enum mem_by by, struct arena *a, struct mem_groups *ret)
{
	const struct table *t = frame_table(f, TABLE_process);
	struct mem_groups g = { .by = by };
	size_t n = 0, most = table_usable(t) ? t->n : 0;
	struct member *member = arena_new(a, (most + 1) * sizeof(*member));

	g.group = arena_new(a, (most + 1) * sizeof(*g.group));
	g.key = arena_new(a, (most + 1) * sizeof(*g.key));
	if (!member || !g.group || !g.key)
		return -ENOMEM;
	for (table_each(const struct process, p, most ? t : NULL)) {
		/* A zombie has no memory but that of the threads that outlived it. */
		if (p->state == 'Z' && p->threads <= 1)
			continue;
		if (!mark(f, by, p, a, &member[n++]))
			return -ENOMEM;
	}
	qsort(member, n, sizeof(*member), compare_members);
	int err = number(f, member, n, a, &g);

	if (err == 0)
		*ret = g;
	return err;
}

static void add(struct reading *sum, has_t has, unsigned int column, uint64_t value)
{
	if (row_has(has, column))
		*sum = reading_of(sum->value + (double)value);
}

static void add_share(struct mem_groups *g, const struct group_share *s)
{
	add(&g->rss, s->has, GROUP_SHARE_rss_bytes, s->rss_bytes);
	add(&g->pss, s->has, GROUP_SHARE_pss_bytes, s->pss_bytes);
	/* The errors of groups that map one object are not independent: their sum is a bound. */
	add(&g->pss_error, s->has, GROUP_SHARE_pss_error_bytes, s->pss_error_bytes);
	add(&g->uss, s->has, GROUP_SHARE_uss_bytes, s->uss_bytes);
	add(&g->swap, s->has, GROUP_SHARE_swap_pss_bytes, s->swap_pss_bytes);
	add(&g->page_tables, s->has, GROUP_SHARE_page_tables_bytes, s->page_tables_bytes);
}

void mem_groups_fold(struct mem_groups *g, const struct frame *f)
{
	const struct table *t = frame_table(f, TABLE_group_share);
	const struct table *processes = frame_table(f, TABLE_process);
	bool usable = table_usable(t);

	g->outside = true;
	for (size_t i = 0; i < g->n; i++)
		g->outside &= !g->group[i].kernel;
	g->all = usable && t->state == STATE_OK && t->lost == 0 && processes &&
		 processes->state == STATE_OK && processes->lost == 0 && !g->outside;
	for (size_t i = 0; i < g->n; i++) {
		struct mem_group *one = &g->group[i];

		one->share = usable && !one->kernel ? table_find(t, i) : NULL;
		if (one->share)
			add_share(g, one->share);
		g->all &= one->kernel ||
			  (one->share && row_has(one->share->has, GROUP_SHARE_pss_bytes));
	}
	mem_shares_fold(g, frame_table(f, TABLE_object_share));
	mem_account_fold(f, g->pss, g->all,
		g->outside ? reading_none(STATE_ABSENT) : mem_shares_shmem(f), &g->account);
}
