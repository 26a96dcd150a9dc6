/* SPDX-License-Identifier: MIT */
#include "model/zombies.h"

#include <errno.h>
#include <stdlib.h>

/*
 * When only the main thread has called pthread_exit() the process shows Z too, with its other
 * threads counted; nobody can wait for it yet (kernel/exit.c, delay_group_leader()).
 */
bool zombie(const struct process *p)
{
	return p->state == 'Z' && p->threads <= 1;
}

static int by_parent(const void *a, const void *b)
{
	const struct process *const *x = a, *const *y = b;

	if ((*x)->ppid != (*y)->ppid)
		return (*x)->ppid < (*y)->ppid ? -1 : 1;
	return ((*x)->pid > (*y)->pid) - ((*x)->pid < (*y)->pid);
}

static int by_number(const void *a, const void *b)
{
	const struct zombie_parent *x = a, *y = b;

	if (x->zombies != y->zombies)
		return x->zombies > y->zombies ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* All zombies of t sorted by their parents; NULL when there is none or memory is out. */
static const struct process **collect(const struct table *t, struct arena *a, size_t *ret_n)
{
	const struct process **list;
	size_t n = 0;

	for (table_each(struct process, p, t))
		n += zombie(p);
	*ret_n = 0;
	list = n ? arena_new(a, n * sizeof(struct process *)) : NULL;
	if (!list)
		return NULL;
	for (table_each(struct process, p, t)) {
		if (zombie(p))
			list[(*ret_n)++] = p;
	}
	qsort(list, n, sizeof(struct process *), by_parent);
	return list;
}

static void count(struct zombie_parent *z, const struct model *m, const struct process *p)
{
	const struct table *now = frame_table(m->now, TABLE_process);
	const struct process *old = table_same(frame_table(m->was, TABLE_process), now, p);

	z->zombies++;
	z->settled += old && old->start_ns == p->start_ns && zombie(old);
	if (z->example == 0 || p->start_ns < z->oldest_start_ns) {
		z->oldest_start_ns = p->start_ns;
		z->example = p->pid;
	}
}

static void count_reaped(struct zombies_model *zm, const struct model *m)
{
	const struct table *now = frame_table(m->now, TABLE_process);
	const struct table *was = frame_table(m->was, TABLE_process);

	for (table_each(struct process, p, table_usable(was) ? was : NULL)) {
		const struct process *same = zombie(p) ? table_same(now, was, p) : p;

		if (same && same->start_ns == p->start_ns)
			continue;
		for (size_t i = 0; i < zm->n; i++) {
			if (zm->row[i].pid == p->ppid)
				zm->row[i].reaped++;
		}
	}
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct zombies_model *zm = self;
	const struct table *t = frame_table(m->now, TABLE_process);
	size_t n;

	*zm = (struct zombies_model){ .state = t ? t->state : STATE_ABSENT,
		.elapsed_ns = model_elapsed_ns(m, TABLE_process) };
	if (!table_usable(t))
		return 0;
	const struct process **list = collect(t, a, &n);

	if (n == 0)
		return a->failed ? -ENOMEM : 0;
	zm->zombies = n;
	zm->row = arena_new(a, n * sizeof(*zm->row));
	if (!zm->row)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || list[i]->ppid != list[i - 1]->ppid)
			zm->row[zm->n++] = (struct zombie_parent){ .pid = list[i]->ppid };
		count(&zm->row[zm->n - 1], m, list[i]);
	}
	count_reaped(zm, m);
	qsort(zm->row, zm->n, sizeof(*zm->row), by_number);
	return 0;
}

const struct model_row model_zombies = {
	.name = "zombies",
	.needs = { { .table = TABLE_process, .rate = true, .optional = true } },
	.size = sizeof(struct zombies_model),
	.step = step,
};
