/* SPDX-License-Identifier: MIT */
#include "look/inquiry.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/tcp.h"

#include <errno.h>
#include <string.h>

enum { PIDS_MAX = 4096, SUSPECTS_MAX = 64, OWNERS_MAX = 256 };

/* To read a frame, and to watch beyond the time that is watched. */
#define FRAME_NS 1200000000u
#define ASK_NS 1000000000u

struct inquiry {
	struct host *host;
	struct feed *feed;
	struct target target;
	uint64_t for_ns, cpu_ns, wall_ns;
	struct frame was, now;
	struct model model;
	void *self[MODELS];
	struct arena arena;
	uint64_t pid[PIDS_MAX];
	size_t n_pids;
	const char *lacks;
	struct why why;
};

/* TIME_WAIT and its like belong to nobody. */
static bool held(const void *row)
{
	return ((const struct tcp_socket *)row)->inode != 0;
}

/* The last two are watched. */
static const struct need needs[] = {
	{ .table = TABLE_process, .rate = true },
	{ .table = TABLE_process_sched, .rate = true },
	{ .table = TABLE_process_io, .rate = true },
	{ .table = TABLE_process_cgroup, .rate = true },
	{ .table = TABLE_cgroup, .rate = true },
	{ .table = TABLE_cpu, .rate = true },
	{ .table = TABLE_pressure, .rate = true },
	{ .table = TABLE_vmstat, .rate = true },
	{ .table = TABLE_disk, .rate = true },
	{ .table = TABLE_tcp_socket, .rate = true, .keep = held },
	{ .table = TABLE_meminfo },
	{ .table = TABLE_mount },
	{ .table = TABLE_host },
	{ .table = TABLE_socket_owner, .ask = true },
	{ .table = TABLE_process_socket, .ask = true },
	{ .table = TABLE_task_wait, .ask = true },
	{ .table = TABLE_futex_wait, .ask = true },
	{ .table = TABLE_task_time, .ask = true },
	{ .table = TABLE_task_place, .ask = true },
};
enum { N_NEEDS = ARRAY_SIZE(needs) };

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void sort_pids(struct inquiry *q)
{
	size_t n = 0;

	qsort(q->pid, q->n_pids, sizeof(q->pid[0]), compare_u64);
	for (size_t i = 0; i < q->n_pids; i++) {
		if (n == 0 || q->pid[n - 1] != q->pid[i])
			q->pid[n++] = q->pid[i];
	}
	q->n_pids = n;
}

static void add_pid(struct inquiry *q, uint64_t pid)
{
	for (size_t i = 0; i < q->n_pids; i++) {
		if (q->pid[i] == pid)
			return;
	}
	if (q->n_pids < PIDS_MAX)
		q->pid[q->n_pids++] = pid;
	else if (!q->lacks)
		q->lacks = arena_printf(
			&q->arena, "more than %d processes: the others are left out", PIDS_MAX);
}

static bool has_pid(const struct inquiry *q, uint64_t pid)
{
	for (size_t i = 0; i < q->n_pids; i++) {
		if (q->pid[i] == pid)
			return true;
	}
	return false;
}

/* Children may have lower numbers than their parents: until no more come. */
static void add_children(struct inquiry *q)
{
	const struct table *t = frame_table(&q->was, TABLE_process);
	size_t n;

	do {
		n = q->n_pids;
		for (table_each(const struct process, p, t)) {
			if (!p->kthread && has_pid(q, p->ppid))
				add_pid(q, p->pid);
		}
	} while (q->n_pids > n);
}

/* part, of len bytes, is unit, or unit with a suffix of systemd. */
static bool names_unit(const char *part, size_t len, const char *unit)
{
	static const char *const suffixes[] = { "", ".service", ".scope", ".slice" };
	size_t n = strlen(unit);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (len == n + strlen(suffixes[i]) && memcmp(part, unit, n) == 0 &&
			memcmp(part + n, suffixes[i], len - n) == 0)
			return true;
	}
	return false;
}

/* The group called unit is path, or above it. */
static bool in_unit(const char *path, const char *unit)
{
	size_t whole = strlen(unit);

	if (unit[0] == '/')
		return strncmp(path, unit, whole) == 0 &&
		       (path[whole] == '\0' || path[whole] == '/');
	for (const char *part = path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (names_unit(part, strcspn(part, "/"), unit))
			return true;
	}
	return false;
}

static void add_unit(struct inquiry *q)
{
	const struct table *t = frame_table(&q->was, TABLE_process_cgroup);

	for (table_each(const struct process_cgroup, g, table_usable(t) ? t : NULL)) {
		if (in_unit(table_text(t, g->path), q->target.unit) ||
			(row_has(g->has, PROCESS_CGROUP_cpu_path) &&
				in_unit(table_text(t, g->cpu_path), q->target.unit)))
			add_pid(q, g->pid);
	}
}

static int ask(
	struct inquiry *q, struct frame *f, const struct feed_ask *asks, size_t n, uint64_t for_ns)
{
	struct need with[N_NEEDS];

	memcpy(with, needs, sizeof(needs));
	for (size_t i = 0; i < N_NEEDS; i++) {
		if (i >= N_NEEDS - 2)
			with[i].for_ns = for_ns;
	}
	feed_set_budget(q->feed, ASK_NS + for_ns);
	return feed_asks(q->feed, asks, n, with, N_NEEDS, f);
}

/* Who is sought may be among the rows that a table lacks. The first that does is told. */
static void find_lack(struct inquiry *q, enum table_id id)
{
	const struct table *t = frame_table(&q->was, id);

	if (q->lacks || (t && t->state == STATE_OK && t->lost == 0))
		return;
	if (!t)
		q->lacks = arena_printf(&q->arena, "%s was not read", schemas[id]->name);
	else if (t->state != STATE_OK)
		q->lacks = arena_printf(
			&q->arena, "%s is %s: %s", schemas[id]->name, state_name(t->state), t->why);
	else
		q->lacks = arena_printf(&q->arena, "rows of %s are missing%s%s", schemas[id]->name,
			t->why[0] ? ": " : "", t->why);
}

/* Who listens on the port, and, as they serve it too, their children. */
static int add_port(struct inquiry *q)
{
	const struct table *t = frame_table(&q->was, TABLE_tcp_socket);
	uint64_t inode[OWNERS_MAX];
	size_t n = 0;

	for (table_each(const struct tcp_socket, s, table_usable(t) ? t : NULL)) {
		if (s->state != TCP_STATE_LISTEN || s->local_port != q->target.port)
			continue;
		if (n < OWNERS_MAX)
			inode[n++] = s->inode;
		else if (!q->lacks)
			q->lacks = arena_printf(&q->arena,
				"more than %d sockets listen on it: the others are left out",
				OWNERS_MAX);
	}
	if (n == 0 || t->state != STATE_OK)
		find_lack(q, TABLE_tcp_socket);
	if (n == 0)
		return -ESRCH;
	qsort(inode, n, sizeof(inode[0]), compare_u64);
	struct feed_ask asks = { TABLE_socket_owner, inode, n };
	int err = ask(q, &q->was, &asks, 1, 0);

	if (err < 0)
		return err;
	const struct table *owners = frame_table(&q->was, TABLE_socket_owner);
	bool all = table_usable(owners);

	for (table_each(const struct socket_owner, o, owners))
		add_pid(q, o->pid);
	for (size_t i = 0; i < n; i++)
		all = all && table_find(owners, inode[i]);
	/* Others hide their descriptors from a plain user; his own services are not theirs. */
	if (!all || owners->state != STATE_OK)
		find_lack(q, TABLE_socket_owner);
	add_children(q);
	return q->n_pids ? 0 : -EACCES;
}

static int resolve(struct inquiry *q)
{
	const struct target *t = &q->target;
	int err = 0;

	if (t->kind == TARGET_PORT)
		err = add_port(q);
	else if (t->kind == TARGET_UNIT)
		add_unit(q);
	else if (table_find(frame_table(&q->was, TABLE_process), t->pid))
		add_pid(q, t->pid);
	if (t->tree)
		add_children(q);
	sort_pids(q);
	if (t->kind == TARGET_UNIT)
		find_lack(q, TABLE_process_cgroup);
	/* A process that was found is all of itself. */
	if (q->n_pids == 0 || t->kind != TARGET_PID || t->tree)
		find_lack(q, TABLE_process);
	if (q->n_pids == 0 && q->lacks && err != -EACCES)
		return -ETIME;
	return err < 0 ? err : q->n_pids ? 0 : -ESRCH;
}

static int step_models(struct inquiry *q)
{
	q->model = (struct model){ .now = &q->now, .was = q->was.boottime_ns ? &q->was : NULL };
	for (size_t id = 1; id < MODELS; id++) {
		q->self[id] = mem_new(1, model_rows[id]->size);
		if (!q->self[id])
			return -ENOMEM;
		int err = model_rows[id]->step(q->self[id], &q->model, &q->arena);

		if (err < 0)
			return err;
		*model_slot(&q->model, (enum model_id)id) = q->self[id];
	}
	return 0;
}

/* Move the tables of a round of asks into the last frame. */
static void keep_table(struct inquiry *q, enum table_id id)
{
	q->now.at[id] = q->was.at[id];
	q->was.at[id] = NULL;
}

static int ask_suspects(struct inquiry *q)
{
	uint64_t blocked[SUSPECTS_MAX], locked[SUSPECTS_MAX];
	size_t n_blocked = why_suspects(&q->model, TABLE_task_wait, blocked, SUSPECTS_MAX);
	size_t n_locked = why_suspects(&q->model, TABLE_futex_wait, locked, SUSPECTS_MAX);
	struct feed_ask asks[] = {
		{ TABLE_process_socket, q->pid, q->n_pids },
		{ TABLE_task_wait, blocked, n_blocked },
		{ TABLE_futex_wait, locked, n_locked },
	};

	qsort(blocked, n_blocked, sizeof(blocked[0]), compare_u64);
	qsort(locked, n_locked, sizeof(locked[0]), compare_u64);
	return ask(q, &q->now, asks, ARRAY_SIZE(asks), 0);
}

/* Live: a frame, then watch, then another. */
static int watch(struct inquiry *q)
{
	struct feed_ask asks[2];

	feed_set_budget(q->feed, FRAME_NS);
	int err = feed_frame(q->feed, 0, false, needs, N_NEEDS, &q->was);

	if (err == 0)
		err = resolve(q);
	asks[0] = (struct feed_ask){ TABLE_task_time, q->pid, q->n_pids };
	asks[1] = (struct feed_ask){ TABLE_task_place, q->pid, q->n_pids };
	if (err == 0)
		err = ask(q, &q->was, asks, ARRAY_SIZE(asks), q->for_ns);
	if (err < 0)
		return err;
	feed_set_was(q->feed, &q->was);
	feed_set_budget(q->feed, FRAME_NS);
	err = feed_frame(q->feed, 1, true, needs, N_NEEDS, &q->now);
	if (err < 0)
		return err;
	keep_table(q, TABLE_task_time);
	keep_table(q, TABLE_task_place);
	q->model.now = &q->now;
	err = ask_suspects(q);
	return err < 0 ? err : step_models(q);
}

/* Of a root: its last two frames, in which nobody watched. */
static int read_root(struct inquiry *q)
{
	unsigned int n = host_frames(q->host);
	int err = 0;

	if (n > 1) {
		err = feed_frame(q->feed, n - 2, false, needs, N_NEEDS, &q->was);
		feed_set_was(q->feed, &q->was);
	}
	if (err == 0)
		err = feed_frame(q->feed, n - 1, true, needs, N_NEEDS, n > 1 ? &q->now : &q->was);
	if (err == 0)
		err = resolve(q);
	if (err == 0 && n == 1)
		err = -ENODATA;
	return err < 0 ? err : step_models(q);
}

int inquiry_new(
	struct host *h, const struct target *t, uint64_t for_ns, struct inquiry **ret_inquiry)
{
	struct inquiry *q = mem_new(1, sizeof(*q));
	uint64_t wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	if (!q)
		return -ENOMEM;
	q->host = h;
	q->target = *t;
	q->for_ns = for_ns;
	int err = feed_new(h, &q->feed);

	if (err == 0)
		err = host_frames(h) > 0 ? read_root(q) : watch(q);
	if (err == 0)
		err = why_fold(&q->model, q->pid, q->n_pids, &q->arena, &q->why);
	if (err == 0 && q->why.tasks == 0)
		err = -ECHILD;
	q->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
	q->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu +
		    (q->feed ? feed_cost(q->feed).cpu_ns : 0);
	*ret_inquiry = q;
	return err;
}

void inquiry_free(struct inquiry *q)
{
	if (!q)
		return;
	feed_free(q->feed);
	for (size_t id = 1; id < MODELS; id++)
		free(q->self[id]);
	frame_release(&q->was);
	frame_release(&q->now);
	arena_release(&q->arena);
	free(q);
}

const struct why *inquiry_why(const struct inquiry *q)
{
	return &q->why;
}

const struct model *inquiry_model(const struct inquiry *q)
{
	return &q->model;
}

const uint64_t *inquiry_pids(const struct inquiry *q, size_t *ret_n)
{
	*ret_n = q->n_pids;
	return q->pid;
}

const char *inquiry_lacks(const struct inquiry *q)
{
	return q->lacks;
}

uint64_t inquiry_cpu_ns(const struct inquiry *q)
{
	return q->cpu_ns;
}

uint64_t inquiry_wall_ns(const struct inquiry *q)
{
	return q->wall_ns;
}
