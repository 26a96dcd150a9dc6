/* SPDX-License-Identifier: MIT */
/*
 * Memory of every process, again and again, for as long as the need says: what is its own
 * (anonymous, swapped out, its page tables; shared memory would be counted for each). All series
 * are kept, four bytes a point; what is given are those whose floor rose most, so that a table is
 * small however many processes there are. Sums over a name are kept apart: processes come and go,
 * and what is theirs must not look like growth.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "sample/series_kind.h"
#include "source/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TICKS = 60,
	SEEN_MAX = 16384,  /* processes: 4.3 MiB */
	GROUPS_MAX = 1024, /* names */
	SLOTS = 32768,     /* of pids, a power of 2 */
	GIVEN_PROCESSES = 64,
	GIVEN_GROUPS = 32,
	TREND_TICKS = 18, /* what a trend needs */
};

#define INTERVAL_LEAST_NS UINT64_C(500000000)
/* Rest so many times as long as the first tick took of a CPU; those after it take half of that. */
#define COST_SHARE 80
#define GAP UINT32_MAX

struct seen {
	uint64_t pid, start_ns;
	uint32_t group;
	uint32_t kib[TICKS]; /* GAP: it was not there */
};

struct group {
	char comm[64];
	uint64_t bytes[TICKS];
	uint32_t n[TICKS];
};

struct watch {
	struct probe *p;
	struct table *stat, *status, *meminfo; /* to parse into */
	struct seen *seen;
	size_t n, size;
	uint32_t *slot; /* by pid: index into seen, plus one */
	struct group *group;
	size_t n_groups;
	uint64_t shared[TICKS], interval_ns;
	uint32_t ticks;
	uint64_t left_out;
};

static uint32_t *slot_of(struct watch *w, uint64_t pid)
{
	size_t at = (size_t)(pid * UINT64_C(0x9e3779b97f4a7c15) >> 49) % SLOTS;

	while (w->slot[at] && w->seen[w->slot[at] - 1].pid != pid)
		at = (at + 1) % SLOTS;
	return &w->slot[at];
}

/* GROUPS_MAX: there are too many. */
static uint32_t group_of(struct watch *w, const char *comm)
{
	for (uint32_t i = 0; i < w->n_groups; i++) {
		if (strcmp(w->group[i].comm, comm) == 0)
			return i;
	}
	if (w->n_groups == GROUPS_MAX)
		return GROUPS_MAX;
	struct group *g = &w->group[w->n_groups];
	size_t len = strnlen(comm, sizeof(g->comm) - 1);

	memcpy(g->comm, comm, len);
	return (uint32_t)w->n_groups++;
}

static struct seen *add_seen(struct watch *w, uint64_t pid, uint32_t *slot)
{
	if (w->n == w->size) {
		size_t size = w->size ? w->size * 2 : 512;
		struct seen *grown =
			size <= SEEN_MAX ? mem_resize(w->seen, size, sizeof(*grown)) : NULL;

		if (!grown)
			return NULL;
		w->seen = grown;
		w->size = size;
	}
	struct seen *s = &w->seen[w->n++];

	*s = (struct seen){ .pid = pid, .group = GROUPS_MAX };
	memset(s->kib, 0xff, sizeof(s->kib));
	*slot = (uint32_t)w->n;
	return s;
}

/* A new process: who it is. NULL: gone, or a thread of the kernel, or there are too many. */
static struct seen *meet(struct watch *w, uint64_t pid, uint32_t *slot)
{
	char path[PROC_PATH_MAX], buf[1024];
	ssize_t n = host_read_record(w->p->host, proc_path(path, pid, "stat"), buf, sizeof(buf));

	table_cut(w->stat, 0);
	if (n <= 0 || process_parse(buf, (size_t)n, w->stat) < 0)
		return NULL;
	const struct process *row = w->stat->row;
	struct seen *s = w->n < SEEN_MAX ? add_seen(w, pid, slot) : NULL;

	if (!s) {
		w->left_out++;
		return NULL;
	}
	s->start_ns = row->start_ns;
	if (!row->kthread)
		s->group = group_of(w, table_text(w->stat, row->comm));
	return s;
}

static void look_at(struct watch *w, uint64_t pid)
{
	char path[PROC_PATH_MAX], buf[4096];
	uint32_t *slot = slot_of(w, pid);
	struct seen *s = *slot ? &w->seen[*slot - 1] : meet(w, pid, slot);

	if (!s || s->group == GROUPS_MAX)
		return;
	ssize_t n = host_read_record(w->p->host, proc_path(path, pid, "status"), buf, sizeof(buf));

	table_cut(w->status, 0);
	if (n <= 0 || process_status_parse(buf, (size_t)n, w->status) < 0)
		return;
	const struct process_status *row = w->status->row;

	if (!row_has(row->has, PROCESS_STATUS_anon_bytes))
		return; /* a zombie has no memory */
	uint64_t bytes = row->anon_bytes + row->swap_bytes + row->page_tables_bytes;
	struct group *g = &w->group[s->group];

	s->kib[w->ticks] = bytes / 1024 < GAP ? (uint32_t)(bytes / 1024) : GAP - 1;
	g->bytes[w->ticks] += bytes;
	g->n[w->ticks]++;
}

static void look_at_shared(struct watch *w)
{
	auto_strbuf text = { 0 };

	table_cut(w->meminfo, 0);
	if (host_read_all(w->p->host, "proc/meminfo", 65536, &text) < 0 ||
		meminfo_parse(strbuf_text(&text), text.len, w->meminfo) < 0)
		return;
	const struct meminfo *m = w->meminfo->row;

	w->shared[w->ticks] = m->shmem_bytes;
}

/* 0 or -errno of listing /proc. */
static int tick(struct watch *w)
{
	auto_strbuf names = { 0 };
	uint64_t pid;
	int err = host_list(w->p->host, "proc", &names);

	if (err < 0)
		return err;
	for (const char *s = NULL; (s = host_next_name(&names, s)) && !probe_late(w->p);) {
		if (proc_is_pid(s, &pid))
			look_at(w, pid);
	}
	look_at_shared(w);
	w->ticks++;
	return 0;
}

static void sleep_to(uint64_t when_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(when_ns / NS_PER_S),
		.tv_nsec = (long)(when_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/*
 * Ticks at equal intervals: as many as may be, fewer where a look at all processes is dear. The
 * first is the dearest, since it also asks who they are.
 */
static int watch_for(struct watch *w, uint64_t for_ns)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	int err = tick(w);

	cpu = (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) * COST_SHARE;
	w->interval_ns = for_ns / TICKS > INTERVAL_LEAST_NS ? for_ns / TICKS : INTERVAL_LEAST_NS;
	w->interval_ns = cpu > w->interval_ns ? cpu : w->interval_ns;
	for (uint64_t at = start + w->interval_ns;
		err == 0 && w->ticks < TICKS && at < start + for_ns; at += w->interval_ns) {
		sleep_to(at);
		err = tick(w);
	}
	return err;
}

/* By how much the least of the last third is above the least of the first; 0: not, or not there. */
static uint64_t risen(const struct watch *w, const struct seen *s)
{
	uint32_t third = w->ticks / 3, first = GAP, last = GAP, there = 0;

	for (uint32_t i = 0; i < w->ticks; i++) {
		there += s->kib[i] != GAP;
		if (i < third && s->kib[i] < first)
			first = s->kib[i];
		if (i >= w->ticks - third && s->kib[i] < last)
			last = s->kib[i];
	}
	if (first == GAP || s->kib[w->ticks - 1] == GAP || there * 2 < w->ticks || last <= first)
		return 0;
	return last - first;
}

struct given {
	size_t at;
	uint64_t rise;
};

/* Into top, which holds *n of at most size, the highest first. */
static void rank(struct given *top, size_t *n, size_t size, struct given one)
{
	size_t at = *n < size ? (*n)++ : size;

	for (; at > 0 && top[at - 1].rise < one.rise; at--) {
		if (at < size)
			top[at] = top[at - 1];
	}
	if (at < size)
		top[at] = one;
}

static struct mem_series *add_series(struct watch *w, enum series_kind kind, const char *comm)
{
	struct table *t = probe_table(w->p, TABLE_mem_series);
	struct mem_series *row = table_add(t);

	if (!row)
		return NULL;
	row_put(t->schema, row, MEM_SERIES_id, t->n - 1);
	row_put(t->schema, row, MEM_SERIES_kind, kind);
	row_put(t->schema, row, MEM_SERIES_interval_ns, w->interval_ns);
	row_put(t->schema, row, MEM_SERIES_points, w->ticks);
	row_put(t->schema, row, MEM_SERIES_comm, table_intern(t, comm, strlen(comm)));
	return row;
}

static int add_point(struct watch *w, const struct mem_series *of, uint32_t tick, uint64_t value)
{
	struct table *t = probe_table(w->p, TABLE_mem_point);
	struct mem_point *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, MEM_POINT_series, of->id);
	row_put(t->schema, row, MEM_POINT_tick, tick);
	row_put(t->schema, row, MEM_POINT_value, value);
	return 0;
}

static int give_process(struct watch *w, const struct seen *s)
{
	struct mem_series *row = add_series(w, SERIES_PROCESS, w->group[s->group].comm);
	int err = row ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->ticks && err == 0; i++) {
		if (s->kib[i] != GAP)
			err = add_point(w, row, i, (uint64_t)s->kib[i] * 1024);
	}
	if (err < 0)
		return err;
	row_put(schemas[TABLE_mem_series], row, MEM_SERIES_pid, s->pid);
	row_put(schemas[TABLE_mem_series], row, MEM_SERIES_start_ns, s->start_ns);
	return 0;
}

static int give_group(struct watch *w, const struct group *g, enum series_kind kind)
{
	struct mem_series *row = add_series(w, kind, g->comm);
	int err = row ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->ticks && err == 0; i++) {
		if (g->n[i] > 0)
			err = add_point(
				w, row, i, kind == SERIES_COUNT ? g->n[i] : g->bytes[i] / g->n[i]);
	}
	if (err < 0)
		return err;
	row_put(schemas[TABLE_mem_series], row, MEM_SERIES_processes, g->n[w->ticks - 1]);
	return 0;
}

static int give_processes(struct watch *w)
{
	struct given top[GIVEN_PROCESSES];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < w->n; i++) {
		uint64_t rise = risen(w, &w->seen[i]);

		if (rise > 0)
			rank(top, &n, GIVEN_PROCESSES, (struct given){ i, rise });
	}
	for (size_t i = 0; i < n && err == 0; i++)
		err = give_process(w, &w->seen[top[i].at]);
	return err;
}

/* Of two processes or more, those whose sum grew most. */
static int give_groups(struct watch *w)
{
	struct given top[GIVEN_GROUPS];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < w->n_groups; i++) {
		const struct group *g = &w->group[i];
		uint64_t last = g->bytes[w->ticks - 1];

		if (g->n[w->ticks - 1] > 1 && last > g->bytes[0])
			rank(top, &n, GIVEN_GROUPS, (struct given){ i, last - g->bytes[0] });
	}
	for (size_t i = 0; i < n && err == 0; i++) {
		err = give_group(w, &w->group[top[i].at], SERIES_GROUP);
		if (err == 0)
			err = give_group(w, &w->group[top[i].at], SERIES_COUNT);
	}
	return err;
}

static int give_shared(struct watch *w)
{
	struct mem_series *row = add_series(w, SERIES_SHARED, "");
	int err = row ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->ticks && err == 0; i++)
		err = add_point(w, row, i, w->shared[i]);
	return err;
}

static int watch_new(struct watch *w)
{
	w->stat = table_new(schemas[TABLE_process]);
	w->status = table_new(schemas[TABLE_process_status]);
	w->meminfo = table_new(schemas[TABLE_meminfo]);
	w->slot = mem_new(SLOTS, sizeof(*w->slot));
	w->group = mem_new(GROUPS_MAX, sizeof(*w->group));
	return w->stat && w->status && w->meminfo && w->slot && w->group ? 0 : -ENOMEM;
}

static void watch_release(struct watch *w)
{
	table_unref(w->stat);
	table_unref(w->status);
	table_unref(w->meminfo);
	free(w->slot);
	free(w->group);
	free(w->seen);
}

static void say_state(struct watch *w, struct table *t, int err)
{
	if (err < 0)
		table_fail(t, state_of_errno(err), "/proc: %s", strerror(-err));
	else if (w->ticks < TREND_TICKS)
		table_fail(t, STATE_LATE,
			"%zu processes: looked at only %u times in this time, "
			"as that is dear",
			w->n, w->ticks);
	else
		t->state = STATE_OK;
	t->lost = w->left_out;
	if (t->lost > 0 && t->state == STATE_OK)
		snprintf(t->why, sizeof(t->why), "more processes than are watched");
}

static int read_mem_series(struct probe *p)
{
	struct watch w = { .p = p };
	struct table *series = probe_table(p, TABLE_mem_series);
	struct table *points = probe_table(p, TABLE_mem_point);
	uint64_t for_ns = needs_for_ns(p->needs, p->n_needs, TABLE_mem_series);

	if (!series || !points || !host_is_live(p->host) || for_ns == 0)
		return 0;
	int err = watch_new(&w);

	if (err == 0)
		err = watch_for(&w, for_ns);
	if (err == 0 && w.ticks >= TREND_TICKS) {
		err = give_processes(&w);
		if (err == 0)
			err = give_groups(&w);
		if (err == 0)
			err = give_shared(&w);
	}
	if (err != -ENOMEM) {
		say_state(&w, series, err);
		say_state(&w, points, err);
	}
	watch_release(&w);
	return err == -ENOMEM ? err : 0;
}

const struct source source_mem_series = {
	.name = "mem_series",
	.fills = { TABLE_mem_series, TABLE_mem_point },
	.cost = COST_CHEAP,
	.manner = MANNER_RISKY,
	.rows_only = true,
	.deadline_ns = 800000000, /* besides the time that it watches */
	.read = read_mem_series,
};
