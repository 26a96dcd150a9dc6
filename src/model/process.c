/* SPDX-License-Identifier: MIT */
#include "model/process.h"

#include <errno.h>

enum { POLICY_IDLE = 5 };

static struct reading over(struct reading value, double divisor)
{
	if (reading_ok(value))
		value.value /= divisor;
	return value;
}

/* What a counter of row pid grew by between the frames. A process born between them has no rate. */
static struct reading grown(
	const struct model *m, enum table_id id, const struct process_facts *p, unsigned int column)
{
	const void *row = table_find(frame_table(m->now, id), p->pid);

	if (!row) {
		const struct table *t = frame_table(m->now, id);

		return reading_none(t && !table_usable(t) ? t->state : STATE_ABSENT);
	}
	return p->born ? reading_none(STATE_ABSENT) : model_delta(m, id, row, column);
}

static struct reading per_s(
	const struct model *m, enum table_id id, const struct process_facts *p, unsigned int column)
{
	return over(grown(m, id, p, column), (double)model_elapsed_ns(m, id) / 1e9);
}

/* Nanoseconds per nanosecond of the look. */
static struct reading share(
	const struct model *m, enum table_id id, const struct process_facts *p, unsigned int column)
{
	return over(grown(m, id, p, column), (double)model_elapsed_ns(m, id));
}

static void fill_identity(const struct model *m, const struct process *row, struct process_facts *p)
{
	const struct table *now = frame_table(m->now, TABLE_process);
	const struct table *groups = frame_table(m->now, TABLE_process_cgroup);
	const struct process *old = table_same(frame_table(m->was, TABLE_process), now, row);
	const struct process_cgroup *group = table_find(groups, row->pid);

	p->pid = row->pid;
	p->ppid = row->ppid;
	p->session = row->session;
	p->comm = table_text(now, row->comm);
	p->cgroup = group && row_has(group->has, PROCESS_CGROUP_path)
			    ? table_text(groups, group->path)
			    : NULL;
	p->start_ns = row->start_ns;
	p->threads = row->threads;
	p->resident_bytes = row->resident_bytes;
	p->state = row->state;
	p->kthread = row->kthread;
	p->born = !old || old->start_ns != row->start_ns;
	p->patient = row->nice > 0 || row->policy == POLICY_IDLE;
}

static void fill_rates(const struct model *m, struct process_facts *p)
{
	struct reading user = share(m, TABLE_process, p, PROCESS_user_ns);
	struct reading system = share(m, TABLE_process, p, PROCESS_system_ns);

	p->cpu_ratio = user;
	if (reading_ok(user) && reading_ok(system))
		p->cpu_ratio.value += system.value;
	else if (reading_ok(user))
		p->cpu_ratio = system;
	p->major_faults_per_s = per_s(m, TABLE_process, p, PROCESS_major_faults);
	p->block_delay_ratio = share(m, TABLE_process, p, PROCESS_block_delay_ns);
	p->run_ratio = share(m, TABLE_process_sched, p, PROCESS_SCHED_run_ns);
	p->wait_ratio = share(m, TABLE_process_sched, p, PROCESS_SCHED_wait_ns);
	p->read_bytes_per_s = per_s(m, TABLE_process_io, p, PROCESS_IO_read_bytes);
	p->written_bytes_per_s = per_s(m, TABLE_process_io, p, PROCESS_IO_written_bytes);
}

static struct process_facts *facts_of(const struct process_model *pm, uint64_t pid)
{
	size_t low = 0, high = pm ? pm->n : 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (pm->row[mid].pid == pid)
			return &pm->row[mid];
		if (pm->row[mid].pid < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* A thread of the last frame that was there before. */
static struct reading thread_share(
	const struct model *m, const struct thread *t, unsigned int column)
{
	const struct thread *was = table_find(frame_table(m->was, TABLE_thread), t->tid);

	if (!was || was->start_ns != t->start_ns || was->pid != t->pid)
		return reading_none(STATE_ABSENT);
	return over(
		model_delta(m, TABLE_thread, t, column), (double)model_elapsed_ns(m, TABLE_thread));
}

static void fold_threads(struct process_model *pm, const struct model *m)
{
	const struct table *threads = frame_table(m->now, TABLE_thread);

	if (model_elapsed_ns(m, TABLE_thread) == 0)
		return;
	for (table_each(const struct thread, t, threads)) {
		struct reading wait = thread_share(m, t, THREAD_wait_ns);
		struct process_facts *p = facts_of(pm, t->pid);

		if (!reading_ok(wait) || !p)
			continue;
		if (reading_ok(pm->waiting))
			pm->waiting.value += wait.value;
		if (p->waiter && p->waiter_wait_ratio.value >= wait.value)
			continue;
		p->waiter = table_text(threads, t->comm);
		p->waiter_wait_ratio = wait;
		p->waiter_run_ratio = thread_share(m, t, THREAD_run_ns);
	}
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct process_model *pm = self;
	const struct table *t = frame_table(m->now, TABLE_process);

	*pm = (struct process_model){ .state = t ? t->state : STATE_ABSENT };
	if (!table_usable(t) || t->n == 0)
		return 0;
	pm->row = arena_new(a, t->n * sizeof(*pm->row));
	if (!pm->row)
		return -ENOMEM;
	pm->elapsed_ns = model_elapsed_ns(m, TABLE_process);
	if (model_elapsed_ns(m, TABLE_process_sched) > 0)
		pm->waiting = reading_of(0);
	for (table_each(struct process, row, t)) {
		struct process_facts *p = &pm->row[pm->n++];

		fill_identity(m, row, p);
		fill_rates(m, p);
		if (reading_ok(p->wait_ratio) && reading_ok(pm->waiting))
			pm->waiting.value += p->wait_ratio.value;
	}
	fold_threads(pm, m);
	return 0;
}

const struct process_facts *process_find(const struct process_model *pm, uint64_t pid)
{
	return facts_of(pm, pid);
}

const struct model_row model_process = {
	.name = "process",
	.needs = { { .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_process_sched, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true } },
	.size = sizeof(struct process_model),
	.step = step,
};
