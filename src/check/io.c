/* SPDX-License-Identifier: MIT */
#include "check/io.h"

#include "check/entity.h"

#include <string.h>

#define FILLER_RATIO 0.10
enum { JOBS_MAX = 64 };

static bool wanted(const struct blocked_task *b)
{
	return !b->kthread && !b->ours;
}

bool io_ask_waits(struct judgement *j, const struct model *m)
{
	const struct blocked_model *bm = m->blocked;
	bool told = true;
	size_t asked = 0;

	for (size_t i = 0; i < bm->n && asked < IO_TASKS_MAX; i++) {
		if (!wanted(&bm->task[i]))
			continue;
		told &= judge_ask(j, m, TABLE_task_wait, bm->task[i].tid);
		asked++;
	}
	return told;
}

static const struct disk_load *whole(const struct model *m, const struct blocked_wait *w)
{
	return w->disk ? disks_whole(m->disks, w->disk) : NULL;
}

size_t io_waiters(const struct model *m, struct io_waiter *list)
{
	size_t n = 0;

	for (size_t i = 0; i < m->blocked->n && n < IO_TASKS_MAX; i++) {
		const struct blocked_task *b = &m->blocked->task[i];
		struct blocked_wait w = blocked_wait_of(m, b);

		if (!wanted(b) || !b->whole_look || (w.kind != WAIT_DISK && w.kind != WAIT_JOURNAL))
			continue;
		list[n++] = (struct io_waiter){ b, w, whole(m, &w) };
	}
	return n;
}

bool io_held_back(const struct model *m, const struct disk_load *disk)
{
	for (size_t i = 0; i < m->blocked->n; i++) {
		struct blocked_wait w = blocked_wait_of(m, &m->blocked->task[i]);

		if (w.kind == WAIT_THROTTLE && whole(m, &w) == disk)
			return true;
	}
	return false;
}

static double rate(struct reading r)
{
	return reading_ok(r) ? r.value : 0;
}

bool io_one_job(const struct model *m, uint64_t pid_a, uint64_t pid_b)
{
	const struct process_facts *a = process_find(m->process, pid_a);
	const struct process_facts *b = process_find(m->process, pid_b);

	if (pid_a == pid_b)
		return true;
	if (!a || !b)
		return false;
	return (a->session != 0 && a->session == b->session) ||
	       (a->ppid == b->ppid && strcmp(a->comm, b->comm) == 0);
}

/* Add to the job that it is of, else begin one; what does not fit is small by then or never named. */
static void count(
	const struct model *m, const struct process_facts *p, struct io_filler *job, size_t *n)
{
	double bytes = rate(p->read_bytes_per_s) + rate(p->written_bytes_per_s);
	size_t i = 0;

	while (i < *n && !io_one_job(m, job[i].pid, p->pid))
		i++;
	if (i == JOBS_MAX || bytes <= 0)
		return;
	*n += i == *n;
	job[i].bytes_per_s += bytes;
	job[i].processes++;
	if (bytes > job[i].largest) {
		job[i].largest = bytes;
		job[i].pid = p->pid;
	}
}

size_t io_fillers(const struct model *m, const struct disk_load *disk, struct io_filler *list)
{
	double floor =
		FILLER_RATIO * (rate(disk->read_bytes_per_s) + rate(disk->written_bytes_per_s));
	struct io_filler job[JOBS_MAX] = { 0 };
	size_t n_jobs = 0, n = 0;

	for (size_t i = 0; m->process && i < m->process->n; i++)
		count(m, &m->process->row[i], job, &n_jobs);
	for (size_t i = 0; i < n_jobs; i++) {
		size_t at = n;

		if (job[i].bytes_per_s < floor)
			continue;
		while (at > 0 && list[at - 1].bytes_per_s < job[i].bytes_per_s)
			at--;
		if (at == IO_FILLERS_MAX)
			continue;
		n += n < IO_FILLERS_MAX;
		memmove(&list[at + 1], &list[at], (n - 1 - at) * sizeof(*list));
		list[at] = job[i];
	}
	return n;
}

void io_victims(struct judgement *j, struct finding *f, const struct model *m,
	const struct io_waiter *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t pid = list[i].task->pid;
		size_t threads = 0;
		bool first = true;

		for (size_t k = 0; k < n; k++) {
			threads += list[k].task->pid == pid;
			first &= k >= i || list[k].task->pid != pid;
		}
		if (!first)
			continue;
		struct entity e = entity_process(j, m, pid);

		e.detail = threads > 1 ? judge_text(j, "waits in %s, %zu threads",
						 list[i].wait.wchan, threads)
				       : judge_text(j, "waits in %s", list[i].wait.wchan);
		finding_victim(f, e);
	}
}
