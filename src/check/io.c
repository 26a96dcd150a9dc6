/* SPDX-License-Identifier: MIT */
#include "check/io.h"

#include "check/entity.h"
#include "model/pressure.h"

#include <string.h>

/*
 * A job that waits for itself is a copy or a backup, and harms nobody. Four tasks at once that
 * read small pieces are a server, and somebody waits for its answers.
 */
enum { SERVER_TASKS = 4 };
#define SERVER_REQUEST_BYTES 65536
#define SERVER_STALL_RATIO 0.50

/* Less than a tenth of what the device does fills it not; much more is done elsewhere. */
#define FILLER_RATIO 0.10
#define ELSEWHERE_RATIO 1.2
#define EXPLAINED_RATIO 0.5
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

/*
 * Add to the job that it is of, else begin one; what does not fit is small by then or never named.
 */
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

static bool waits_here(const struct model *m, const struct io_queue *q, uint64_t pid)
{
	for (size_t i = 0; i < q->n_waiters; i++) {
		if (io_one_job(m, q->waiter[i].task->pid, pid))
			return true;
	}
	return false;
}

/*
 * The kernel tells what a process reads and writes, not where. Who waits here does it here; others
 * may, when that is not most of it, and they do no more than this device does.
 */
static void find_fillers(struct io_queue *q, const struct model *m)
{
	const struct disk_load *d = q->disk;
	double all = rate(d->read_bytes_per_s) + rate(d->written_bytes_per_s);
	struct io_filler job[JOBS_MAX] = { 0 };
	bool here[JOBS_MAX] = { false };
	double explained = 0;
	size_t n_jobs = 0;

	for (size_t i = 0; m->process && i < m->process->n; i++)
		count(m, &m->process->row[i], job, &n_jobs);
	for (size_t i = 0; i < n_jobs; i++) {
		here[i] = waits_here(m, q, job[i].pid);
		explained += here[i] ? job[i].bytes_per_s : 0;
	}
	for (size_t i = 0; i < n_jobs; i++) {
		size_t at = q->n_fillers;

		if (job[i].bytes_per_s < all * FILLER_RATIO ||
			(!here[i] && (explained >= all * EXPLAINED_RATIO ||
					     job[i].bytes_per_s > all * ELSEWHERE_RATIO)))
			continue;
		while (at > 0 && q->filler[at - 1].bytes_per_s < job[i].bytes_per_s)
			at--;
		if (at == IO_FILLERS_MAX)
			continue;
		q->n_fillers += q->n_fillers < IO_FILLERS_MAX;
		memmove(&q->filler[at + 1], &q->filler[at],
			(q->n_fillers - 1 - at) * sizeof(*q->filler));
		q->filler[at] = job[i];
	}
}

static bool over(struct reading r, double limit)
{
	return reading_ok(r) && r.value >= limit;
}

/* On others that are in the list themselves. */
static bool stacked(const char *name)
{
	return strncmp(name, "dm-", 3) == 0 || strncmp(name, "md", 2) == 0 ||
	       strncmp(name, "drbd", 4) == 0;
}

size_t io_queues(const struct model *m, struct io_queue list[IO_QUEUES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < m->disks->n && n < IO_QUEUES_MAX; i++) {
		const struct disk_load *d = &m->disks->disk[i];

		if (d->partition || stacked(d->name) || !over(d->busy_ratio, IO_BUSY_RATIO) ||
			!over(d->queue, IO_QUEUE_SAD) || !over(d->wait_ns, IO_WAIT_SAD_NS))
			continue;
		list[n++] = (struct io_queue){ .disk = d };
	}
	return n;
}

/* A stranger: not of the job that fills the device; where nobody is seen to, not of the first's. */
static bool is_stranger(
	const struct model *m, const struct io_queue *s, uint64_t first, uint64_t pid)
{
	uint64_t filler = s->n_fillers > 0 ? s->filler[0].pid : first;

	return !io_one_job(m, filler, pid);
}

void io_queue_people(struct io_queue *s, const struct model *m, bool alone)
{
	struct io_waiter all[IO_TASKS_MAX];
	size_t n = io_waiters(m, all);

	for (size_t i = 0; i < n; i++) {
		if (all[i].disk == s->disk || (!all[i].disk && alone))
			s->waiter[s->n_waiters++] = all[i];
	}
	find_fillers(s, m);
	uint64_t first = s->n_waiters > 0 ? s->waiter[0].task->pid : 0;

	for (size_t i = 0; i < s->n_waiters; i++) {
		struct io_waiter w = s->waiter[i];

		if (!is_stranger(m, s, first, w.task->pid))
			continue;
		s->waiter[i] = s->waiter[s->n_strangers];
		s->waiter[s->n_strangers++] = w;
	}
}

static bool serves_others(const struct model *m, const struct io_queue *s)
{
	return s->n_waiters >= SERVER_TASKS && reading_ok(s->disk->request_bytes) &&
	       s->disk->request_bytes.value <= SERVER_REQUEST_BYTES &&
	       over(m->pressure->io.some_now, SERVER_STALL_RATIO);
}

bool io_queue_hurts(const struct model *m, const struct io_queue *s)
{
	struct reading some = m->pressure->io.some_now;

	if (reading_ok(some) && some.value < IO_STALL_RATIO)
		return false;
	return s->n_strangers > 0 || serves_others(m, s);
}

size_t io_queue_victims(const struct model *m, const struct io_queue *s)
{
	if (!io_queue_hurts(m, s))
		return 0;
	return s->n_strangers > 0 ? s->n_strangers : s->n_waiters;
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

/*
 * block/bfq-iosched.c; block/mq-deadline.c since 5.14; none and kyber do not look at the class, and
 * those are what fast and virtual devices have.
 */
void io_todo_give_way(struct judgement *j, struct finding *f, const struct io_queue *q)
{
	finding_todo(
		f, judge_text(j,
			   "let it give way, if cat /sys/block/%s/queue/scheduler says [bfq], or "
			   "[mq-deadline] on Linux 5.14 and later (others ignore it):  ionice -c3 "
			   "-p %llu",
			   shell_word(j, q->disk->name), (unsigned long long)q->filler[0].pid));
}
