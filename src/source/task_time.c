/* SPDX-License-Identifier: MIT */
/*
 * Where the time of some processes goes: their threads are looked at again and again, for as long
 * as the need says. What ran and what waited for a CPU is measured by the kernel (schedstat); what
 * it sleeps in is sampled. A thread that has not run since the sample before is still where it was,
 * which its schedstat tells: so the idle ones of a large pool cost one small file each.
 */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "source/proc.h"
#include "source/syscalls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TASKS_MAX = 8192,
	PLACES_MAX = 16384,
	NONE = -1,
};

#define PERIOD_NS UINT64_C(20000000) /* 50 Hz */
#define LIST_NS UINT64_C(250000000)  /* new threads are looked for so often */
#define COST_SHARE 10                /* sleep ten times as long as a round took of the CPU */
#define DELAY_FILE "proc/sys/kernel/task_delayacct"

struct reading_of_task {
	uint64_t at_ns, run_ns, wait_ns, slices, user_ns, system_ns, block_ns;
};

struct task {
	uint64_t tid, pid;
	struct reading_of_task first, last;
	uint64_t samples;
	text_t comm;
	uint64_t memory_ns; /* of delay accounting, at its first sample */
	bool memory_counted;
	long place;  /* row where it was found last; NONE: look again */
	bool asleep; /* there, until it runs */
	bool gone;
};

struct watch {
	struct probe *p;
	struct table *times, *places;
	struct table *stat, *sched; /* to parse into */
	struct task *task;
	size_t n, size;
	bool block_counted, denied;
	struct host_delays_door *delays; /* NULL: delay accounting is off, or may not be read */
};

static void task_path(char *buf, const struct task *t, const char *file)
{
	snprintf(buf, PROC_PATH_MAX, "proc/%llu/task/%llu/%s", (unsigned long long)t->pid,
		(unsigned long long)t->tid, file);
}

static ssize_t read_file(
	struct watch *w, const struct task *t, const char *file, char *buf, size_t size)
{
	char path[PROC_PATH_MAX];

	task_path(path, t, file);
	return host_read_record(w->p->host, path, buf, size);
}

/* run_ns, wait_ns and slices of r. 0 or -errno. */
static int read_sched(struct watch *w, const struct task *t, struct reading_of_task *r)
{
	char buf[128];
	ssize_t n = read_file(w, t, "schedstat", buf, sizeof(buf));

	table_cut(w->sched, 0);
	if (n < 0)
		return (int)n;
	int err = process_sched_parse(buf, (size_t)n, w->sched);

	if (err < 0)
		return err;
	const struct process_sched *s = w->sched->row;

	r->run_ns = s->run_ns;
	r->wait_ns = s->wait_ns;
	r->slices = s->slices;
	return 0;
}

/* The state's letter, 0 when it is gone. */
static char read_stat(struct watch *w, struct task *t, struct reading_of_task *r)
{
	char buf[1024];
	ssize_t n = read_file(w, t, "stat", buf, sizeof(buf));

	table_cut(w->stat, 0);
	if (n <= 0 || process_parse(buf, (size_t)n, w->stat) < 0)
		return 0;
	const struct process *s = w->stat->row;

	r->user_ns = s->user_ns;
	r->system_ns = s->system_ns;
	r->block_ns = s->block_delay_ns;
	/* Threads get their names after they have begun. */
	const char *comm = table_text(w->stat, s->comm);

	t->comm = table_intern(w->times, comm, strlen(comm));
	return (char)s->state;
}

/* Cells that find_place() itself fills. */
#define COUNTED ((has_t)1 << TASK_PLACE_id | (has_t)1 << TASK_PLACE_samples)

/* The row of that place, made when it is new; NONE when there are too many. */
static long find_place(struct watch *w, const struct task_place *like)
{
	for (size_t i = w->places->n; i-- > 0;) {
		const struct task_place *p = table_at(w->places, i);

		if (p->tid == like->tid && p->state == like->state && p->wchan == like->wchan &&
			p->call == like->call && p->fd == like->fd &&
			p->argument == like->argument && p->operation == like->operation &&
			p->has == (like->has | COUNTED) && p->reclaims == like->reclaims)
			return (long)i;
	}
	struct task_place *p = w->places->n < PLACES_MAX ? table_add(w->places) : NULL;

	if (!p)
		return NONE;
	*p = *like;
	row_put(w->places->schema, p, TASK_PLACE_id, w->places->n);
	row_put(w->places->schema, p, TASK_PLACE_samples, 0);
	return (long)w->places->n - 1;
}

static void put_fd(struct watch *w, const struct task *t, struct task_place *at)
{
	char path[PROC_PATH_MAX], target[256];
	uint64_t inode;

	snprintf(path, sizeof(path), "proc/%llu/fd/%lld", (unsigned long long)t->pid,
		(long long)at->fd);
	ssize_t n = host_link(w->p->host, path, target, sizeof(target));

	if (n < 0)
		return;
	if (proc_socket_inode(target, (size_t)n, &inode))
		row_put(w->places->schema, at, TASK_PLACE_socket, inode);
	else
		row_put(w->places->schema, at, TASK_PLACE_target,
			table_intern(w->places, target, (size_t)n));
}

static void put_call(struct watch *w, const struct task *t, struct task_place *at)
{
	const struct schema *schema = w->places->schema;
	uint64_t arg[SYSCALL_ARGUMENTS];
	char buf[256], number[24];
	int64_t nr;
	ssize_t n = read_file(w, t, "syscall", buf, sizeof(buf));

	if (n == -EPERM || n == -EACCES)
		w->denied = true;
	if (n <= 0 || syscall_parse(buf, (size_t)n, &nr, arg) < 0 || nr < 0)
		return;
	const struct syscall *call = syscall_find(nr);

	snprintf(number, sizeof(number), "call %lld", (long long)nr);
	const char *name = call ? call->name : number;

	row_put(schema, at, TASK_PLACE_call, table_intern(w->places, name, strlen(name)));
	if (call && strcmp(name, "futex") == 0) {
		row_put(schema, at, TASK_PLACE_argument, arg[0]);
		row_put(schema, at, TASK_PLACE_operation, arg[1]);
	}
	if (call && call->fd && arg[0] <= INT32_MAX) {
		row_put(schema, at, TASK_PLACE_fd, arg[0]);
		put_fd(w, t, at);
	}
}

/* Who runs in the kernel: does it make room in memory? */
static void put_reclaim(struct watch *w, const struct task *t, struct task_place *at)
{
	char buf[2048];
	ssize_t n = read_file(w, t, "stack", buf, sizeof(buf));

	if (n > 0)
		row_put(w->places->schema, at, TASK_PLACE_reclaims,
			memmem(buf, (size_t)n, "try_to_free_", 12) != NULL);
}

/*
 * Where it sleeps. What it called is asked only of who can be woken: /proc/PID/syscall takes a lock
 * that exec holds, and who is in exec may hang, in D.
 */
static void place_of(
	struct watch *w, const struct task *t, char state, bool in_kernel, struct task_place *ret)
{
	const struct schema *schema = w->places->schema;
	struct task_place at = { 0 };
	char buf[128];

	row_put(schema, &at, TASK_PLACE_tid, t->tid);
	row_put(schema, &at, TASK_PLACE_pid, t->pid);
	row_put(schema, &at, TASK_PLACE_state, (unsigned char)state);
	if (state != 'R') {
		ssize_t n = read_file(w, t, "wchan", buf, sizeof(buf));

		if (n > 0 && !(n == 1 && buf[0] == '0'))
			row_put(schema, &at, TASK_PLACE_wchan,
				table_intern(w->places, buf, (size_t)n));
	}
	if (state == 'S')
		put_call(w, t, &at);
	if (state == 'R' && in_kernel)
		put_reclaim(w, t, &at);
	*ret = at;
}

static bool memory_delay(const struct watch *w, const struct task *t, uint64_t *ret_ns)
{
	struct host_delays d;

	if (!w->delays || host_delays(w->delays, t->tid, &d) < 0)
		return false;
	*ret_ns = d.swapin_ns + d.reclaim_ns + d.thrash_ns + d.compact_ns;
	return true;
}

/* One look at one thread. */
static void sample(struct watch *w, struct task *t)
{
	struct reading_of_task r = { .at_ns = clock_ns(CLOCK_MONOTONIC) };
	struct task_place at;

	if (read_sched(w, t, &r) < 0) {
		t->gone = true;
		return;
	}
	bool still = t->asleep && r.slices > 0 && r.slices == t->last.slices;

	if (!still) {
		char state = read_stat(w, t, &r);

		if (!state) {
			t->gone = true;
			return;
		}
		place_of(w, t, state, t->samples > 0 && r.system_ns > t->last.system_ns, &at);
		t->place = find_place(w, &at);
		t->asleep = state != 'R';
	} else {
		r.user_ns = t->last.user_ns;
		r.system_ns = t->last.system_ns;
		r.block_ns = t->last.block_ns;
	}
	if (t->samples == 0) {
		t->first = r;
		t->memory_counted = memory_delay(w, t, &t->memory_ns);
	}
	t->last = r;
	t->samples++;
	if (t->place != NONE) {
		struct task_place *p = table_at(w->places, (size_t)t->place);

		p->samples++;
	}
}

/*
 * The kernel lists threads in the order in which they were listed before: *at is where the next is.
 */
static bool known(const struct watch *w, uint64_t tid, size_t *at)
{
	for (size_t i = 0; i < w->n; i++) {
		size_t k = (*at + i) % w->n;

		if (w->task[k].tid == tid && !w->task[k].gone) {
			*at = k + 1;
			return true;
		}
	}
	return false;
}

static int add_task(struct watch *w, uint64_t pid, uint64_t tid)
{
	if (w->n == w->size) {
		size_t size = w->size ? w->size * 2 : 64;
		struct task *grown =
			size <= TASKS_MAX ? mem_resize(w->task, size, sizeof(*grown)) : NULL;

		if (!grown)
			return size <= TASKS_MAX ? -ENOMEM : -E2BIG;
		w->task = grown;
		w->size = size;
	}
	w->task[w->n++] = (struct task){ .tid = tid, .pid = pid, .place = NONE };
	return 0;
}

/* Threads that are new. 0, -ENOMEM, -E2BIG when there are more than are watched. */
static int list_threads(struct watch *w)
{
	auto_strbuf names = { 0 };
	char path[PROC_PATH_MAX];
	uint64_t tid;
	size_t at = 0;

	for (size_t i = 0; i < w->p->n_asked[TABLE_task_time]; i++) {
		uint64_t pid = w->p->asked[TABLE_task_time][i];

		if (host_list(w->p->host, proc_path(path, pid, "task"), &names) < 0)
			continue;
		for (const char *s = NULL; (s = host_next_name(&names, s));) {
			int err = proc_is_pid(s, &tid) && !known(w, tid, &at)
					  ? add_task(w, pid, tid)
					  : 0;

			if (err < 0)
				return err;
		}
	}
	return 0;
}

static void nap(uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S) };

	nanosleep(&ts, NULL);
}

/* A look at each that is not gone, or only at those that were seen awake last. */
static void sample_all(struct watch *w, bool only_awake)
{
	for (size_t i = 0; i < w->n && !probe_late(w->p); i++) {
		if (!w->task[i].gone && !(only_awake && w->task[i].asleep))
			sample(w, &w->task[i]);
	}
}

/* 0, -E2BIG: more threads than are watched, -ETIME: not all in time, -ENOMEM. */
static int watch_for(struct watch *w, uint64_t for_ns)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), end = start + for_ns, now = start, listed = 0;
	bool cut = false;

	while (now < end) {
		uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

		if (!listed || now > listed + LIST_NS) {
			int err = list_threads(w);

			if (err == -ENOMEM)
				return err;
			cut |= err == -E2BIG;
			listed = now;
		}
		sample_all(w, false);
		/* The first look at each is dear, once: who slept then is where he was. */
		cpu = now == start ? 0 : (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) * COST_SHARE;
		cpu = cpu > PERIOD_NS ? cpu : PERIOD_NS;
		now = clock_ns(CLOCK_MONOTONIC);
		/* Thousands that are awake ask for seconds of rest: not beyond the end. */
		if (now < end)
			nap(cpu < end - now ? cpu : end - now);
		now = clock_ns(CLOCK_MONOTONIC);
	}
	/* What it used since it was seen awake last, to the end. */
	sample_all(w, true);
	return cut ? -E2BIG : probe_late(w->p) ? -ETIME : 0;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static int add_time(struct watch *w, const struct task *t)
{
	const struct schema *schema = w->times->schema;
	struct task_time *row = t->samples > 1 ? table_add(w->times) : NULL;
	const struct reading_of_task *a = &t->first, *b = &t->last;

	if (t->samples <= 1)
		return 0;
	if (!row)
		return -ENOMEM;
	row_put(schema, row, TASK_TIME_tid, t->tid);
	row_put(schema, row, TASK_TIME_pid, t->pid);
	row_put(schema, row, TASK_TIME_comm, t->comm);
	row_put(schema, row, TASK_TIME_watched_ns, grown(a->at_ns, b->at_ns));
	row_put(schema, row, TASK_TIME_samples, t->samples);
	row_put(schema, row, TASK_TIME_run_ns, grown(a->run_ns, b->run_ns));
	row_put(schema, row, TASK_TIME_wait_ns, grown(a->wait_ns, b->wait_ns));
	row_put(schema, row, TASK_TIME_slices, grown(a->slices, b->slices));
	row_put(schema, row, TASK_TIME_user_ns, grown(a->user_ns, b->user_ns));
	row_put(schema, row, TASK_TIME_system_ns, grown(a->system_ns, b->system_ns));
	if (w->block_counted)
		row_put(schema, row, TASK_TIME_block_ns, grown(a->block_ns, b->block_ns));
	uint64_t memory_ns;

	if (t->memory_counted && memory_delay(w, t, &memory_ns))
		row_put(schema, row, TASK_TIME_memory_ns, grown(t->memory_ns, memory_ns));
	return 0;
}

static int read_task_time(struct probe *p)
{
	struct watch w = { .p = p,
		.times = probe_table(p, TABLE_task_time),
		.places = probe_table(p, TABLE_task_place) };
	uint64_t for_ns = needs_for_ns(p->needs, p->n_needs, TABLE_task_time);
	char delays[8] = "";

	if (!w.times || !w.places || !host_is_live(p->host))
		return 0;
	w.block_counted = probe_line(p, DELAY_FILE, delays, sizeof(delays)) < 0 || delays[0] != '0';
	struct host_delays_door door;

	if (w.block_counted && host_delays_open(p->host, &door) == 0)
		w.delays = &door;
	w.stat = table_new(schemas[TABLE_process]);
	w.sched = table_new(schemas[TABLE_process_sched]);
	int err = w.stat && w.sched ? watch_for(&w, for_ns) : -ENOMEM;

	for (size_t i = 0; i < w.n && err != -ENOMEM; i++) {
		if (add_time(&w, &w.task[i]) < 0)
			err = -ENOMEM;
	}
	if (w.delays)
		host_delays_close(w.delays);
	table_unref(w.stat);
	table_unref(w.sched);
	free(w.task);
	if (err == -ENOMEM)
		return err;
	table_fail(w.times, err < 0 ? STATE_LATE : STATE_OK, "%s",
		err == -E2BIG   ? "more threads than are watched"
		: err == -ETIME ? "not all threads were looked at in time"
				: "");
	w.places->state = STATE_OK;
	if (w.denied) {
		w.places->cell[TASK_PLACE_call] = STATE_DENIED;
		w.places->cell[TASK_PLACE_fd] = STATE_DENIED;
	}
	return 0;
}

const struct source source_task_time = {
	.name = "task_time",
	.fills = { TABLE_task_time, TABLE_task_place },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.rows_only = true,
	.deadline_ns = 800000000, /* besides the time that it watches */
	.denied = "needs CAP_SYS_PTRACE or root",
	.read = read_task_time,
};
