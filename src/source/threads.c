/* SPDX-License-Identifier: MIT */
#include "source/threads.h"

#include "base/mem.h"
#include "source/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Walking costs 10 us each (Linux 6.18): 5 ms, a tenth of what a frame costs anyway. */
enum { FEW = 500 };
/* Reading the kernel's BTF costs 25 ms, the iterator 1 us each. */
enum { WORTH_BPF = 2500 };
/*
 * The load counts every task that runs, wants to or is in D; its average of a minute shows one that
 * hangs after 20 s as 0.3.
 */
#define LOAD_UNEXPLAINED 0.3

enum { STAT_MAX = 1024, SCHED_MAX = 128 };

/* Does anything tell that more tasks wait or want to run than the main threads show? */
static bool suspicious(const struct probe *p, uint64_t running, uint64_t blocked, uint64_t cpus)
{
	const struct kernel_stat *stat = table_only(probe_used(p, TABLE_kernel_stat));
	const struct loadavg *load = table_only(probe_used(p, TABLE_loadavg));
	const struct table *was = frame_table(p->was, TABLE_thread);

	/* A rate needs both; what is unknown may be so. */
	if (!stat || !load || (table_usable(was) && was->n > 0))
		return true;
	return stat->blocked > blocked || stat->running > cpus ||
	       load->load_1m > (double)(running + blocked) + LOAD_UNEXPLAINED;
}

static uint64_t count_cpus(const struct table *t)
{
	uint64_t n = 0;

	for (table_each(const struct cpu, c, t))
		n += c->id >= 0;
	return n;
}

struct threads_plan threads_plan(const struct probe *p)
{
	const struct kernel_stat *stat = table_only(probe_used(p, TABLE_kernel_stat));
	uint64_t running = 0, blocked = 0, cpus = count_cpus(probe_used(p, TABLE_cpu));
	struct threads_plan plan = { 0 };

	for (table_each(const struct process, proc, probe_used(p, TABLE_process))) {
		if (proc->kthread)
			continue;
		plan.n += proc->threads > 1 ? proc->threads - 1 : 0;
		running += proc->state == 'R';
		blocked += proc->state == 'D';
	}
	/*
	 * Twice as many as can run: from there somebody may get less than half of what he asks for.
	 */
	plan.times = !stat || stat->running >= 2 * cpus;
	plan.worth_bpf = plan.n >= WORTH_BPF;
	if (plan.n <= FEW)
		plan.way = THREADS_ALL;
	else
		plan.way = suspicious(p, running, blocked, cpus) ? THREADS_MANY : THREADS_NONE;
	return plan;
}

/* One walk: where it is, and what it parses into. */
struct walk {
	struct probe *p;
	struct table *t, *stat, *sched;
	const struct threads_plan *plan;
	struct tally tally;
	uint64_t most, done;
	bool late;
};

/* "proc/PID/task/TID/file"; name is the TID as the kernel prints it. */
static void thread_path(char *buf, uint64_t pid, const char *name, const char *file)
{
	proc_path(buf, pid, "task/");
	size_t at = strlen(buf), len = strlen(name);

	memcpy(buf + at, name, len); /* at most 18 digits: proc_is_pid() said so */
	buf[at + len] = '/';
	memcpy(buf + at + len + 1, file, strlen(file) + 1);
}

static void put_times(struct walk *w, struct thread *row, uint64_t pid, const char *name)
{
	char path[PROC_PATH_MAX], buf[SCHED_MAX];

	thread_path(path, pid, name, "schedstat");
	ssize_t n = host_read_record(w->p->host, path, buf, sizeof(buf));

	table_cut(w->sched, 0);
	if (n < 0 || process_sched_parse(buf, (size_t)n, w->sched) < 0)
		return;
	const struct process_sched *s = w->sched->row;

	row_put(w->t->schema, row, THREAD_run_ns, s->run_ns);
	row_put(w->t->schema, row, THREAD_wait_ns, s->wait_ns);
	row_put(w->t->schema, row, THREAD_slices, s->slices);
}

static int read_thread(struct walk *w, uint64_t pid, const char *name)
{
	char path[PROC_PATH_MAX], buf[STAT_MAX];
	struct table *t = w->t;

	thread_path(path, pid, name, "stat");
	ssize_t n = host_read_record(w->p->host, path, buf, sizeof(buf));

	table_cut(w->stat, 0);
	int err = n < 0 ? (int)n : proc_parsed(process_parse(buf, (size_t)n, w->stat), (size_t)n);

	if (err < 0)
		return err;
	const struct process *s = w->stat->row;
	const char *comm = table_text(w->stat, s->comm);
	text_t text = table_intern(t, comm, strlen(comm));
	struct thread *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, THREAD_tid, s->pid);
	row_put(t->schema, row, THREAD_pid, pid);
	row_put(t->schema, row, THREAD_comm, text);
	row_put(t->schema, row, THREAD_state, s->state);
	row_put(t->schema, row, THREAD_start_ns, s->start_ns);
	row_put(t->schema, row, THREAD_user_ns, s->user_ns);
	row_put(t->schema, row, THREAD_system_ns, s->system_ns);
	if (w->plan->times || row->state == 'D')
		put_times(w, row, pid, name);
	t->seen++;
	if (!probe_keep(w->p, TABLE_thread, row))
		table_drop_last(t);
	return 0;
}

static int read_threads(struct walk *w, const struct process *proc)
{
	char path[PROC_PATH_MAX];
	auto_strbuf names = { 0 };
	uint64_t tid;
	int err = host_list(w->p->host, proc_path(path, proc->pid, "task"), &names);

	if (err < 0) {
		tally_count(&w->tally, err);
		return 0;
	}
	for (const char *s = NULL; (s = host_next_name(&names, s));) {
		if (!proc_is_pid(s, &tid) || tid == proc->pid)
			continue;
		w->late = w->done >= w->most || probe_late(w->p);
		if (w->late)
			return 0;
		err = read_thread(w, proc->pid, s);
		if (err == -ENOMEM)
			return err;
		tally_count(&w->tally, err);
		w->done++;
	}
	return 0;
}

/* Those whose main thread hangs already, then the largest: pools are where threads get stuck. */
static int compare(const void *a, const void *b)
{
	const struct process *x = *(const struct process *const *)a;
	const struct process *y = *(const struct process *const *)b;

	if ((x->state == 'D') != (y->state == 'D'))
		return x->state == 'D' ? -1 : 1;
	if (x->threads != y->threads)
		return x->threads > y->threads ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int walk_all(struct walk *w, const struct table *processes)
{
	auto_free const struct process **list = mem_new(processes->n + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (table_each(const struct process, proc, processes)) {
		if (!proc->kthread && proc->threads > 1)
			list[n++] = proc;
	}
	qsort(list, n, sizeof(*list), compare);
	for (size_t i = 0; i < n && !w->late; i++) {
		int err = read_threads(w, list[i]);

		if (err < 0)
			return err;
	}
	return 0;
}

int threads_walk(struct probe *p, struct table *t, const struct threads_plan *plan, uint64_t most)
{
	const struct table *processes = probe_used(p, TABLE_process);
	struct walk w = { .p = p, .t = t, .plan = plan, .most = most, .tally.of = "threads" };

	if (!processes)
		return 0;
	w.stat = table_new(schemas[TABLE_process]);
	w.sched = table_new(schemas[TABLE_process_sched]);
	int err = w.stat && w.sched ? walk_all(&w, processes) : -ENOMEM;

	table_unref(w.stat);
	table_unref(w.sched);
	if (err < 0)
		return err;
	tally_close(&w.tally, t, "needs root: /proc is mounted with hidepid");
	if (plan->n > 0 && w.done == 0 && t->state == STATE_OK)
		table_fail(t, STATE_ABSENT, "/proc/PID/task is not there");
	else if (w.late)
		table_fail(t, STATE_LATE, "%llu of %llu threads: the others were not read",
			(unsigned long long)w.done, (unsigned long long)plan->n);
	if (w.late)
		t->lost += plan->n > w.done ? plan->n - w.done : 0;
	return 0;
}
