/* SPDX-License-Identifier: MIT */
/*
 * Memory of every process, again and again, for as long as the need says, and on from where the
 * read before ended: what is its own (anonymous; where there is swap also what is swapped out, and
 * its page tables; shared memory would be counted for each). All series are kept, four bytes a
 * point; what is given are those whose floor rose most, so that a table is small however many
 * processes there are. Sums over a name are kept apart: processes come and go, and what is theirs
 * must not look like growth.
 */
#include "base/clock.h"
#include "base/cursor.h"
#include "sample/series_kind.h"
#include "source/mem_status.h"
#include "source/proc.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	TICKS = 60,
	SEEN_MAX = 16384,  /* processes: 4.5 MiB */
	GROUPS_MAX = 1024, /* names */
	SLOTS = 32768,     /* of pids, a power of 2 */
	GIVEN_PROCESSES = 64,
	GIVEN_GROUPS = 32,
	TREND_TICKS = 18,   /* what a trend needs */
	STATUS_MOST = 1000, /* processes whose status, which is dearer than statm, is read */
};

/* Less than half a minute shows nothing; reading the first frame may have taken of it. */
#define WATCH_LEAST_NS UINT64_C(28000000000)
#define INTERVAL_LEAST_NS UINT64_C(500000000)
/* A window of two to four hours: what rises more slowly is not seen here. */
#define INTERVAL_MOST_NS UINT64_C(240000000000)
/* Rest so many times as long as a tick took of a CPU. */
#define COST_SHARE 100
/* But for a trend within the look more may be taken, up to that. */
#define COST_SHARE_LEAST 10
#define GAP UINT32_MAX
#define NS_PER_MS UINT64_C(1000000)

struct seen {
	uint64_t pid, start_ns;
	uint32_t group;      /* GROUPS_MAX: none: of the kernel, or there are too many */
	uint32_t peak_kib;   /* of its resident size, when it was met */
	uint32_t kib[TICKS]; /* GAP: it was not there */
	bool user;           /* not of the kernel */
};

struct group {
	char comm[64];
	uint64_t bytes[TICKS];
	uint32_t n[TICKS];
};

/* What one read leaves to the next. Zero at first. */
struct history {
	bool busy; /* who changed it last has not ended that: nothing in it is to be trusted */
	bool by_status;
	uint32_t ticks, n, n_groups;
	uint64_t interval_ns, next_ns; /* CLOCK_MONOTONIC */
	uint64_t at_ns[TICKS], shared[TICKS];
	uint64_t left_out;
	uint32_t slot[SLOTS]; /* by pid: index into seen, plus one */
	struct group group[GROUPS_MAX];
	struct seen seen[SEEN_MAX];
};

struct watch {
	struct probe *p;
	struct history *h;
	struct table *stat, *meminfo; /* to parse into */
	uint64_t page;
};

static uint32_t *slot_of(struct history *h, uint64_t pid)
{
	size_t at = (size_t)(pid * UINT64_C(0x9e3779b97f4a7c15) >> 49) % SLOTS;

	while (h->slot[at] && h->seen[h->slot[at] - 1].pid != pid)
		at = (at + 1) % SLOTS;
	return &h->slot[at];
}

/* GROUPS_MAX: there are too many. */
static uint32_t group_of(struct history *h, const char *comm)
{
	for (uint32_t i = 0; i < h->n_groups; i++) {
		if (strcmp(h->group[i].comm, comm) == 0)
			return i;
	}
	if (h->n_groups == GROUPS_MAX)
		return GROUPS_MAX;
	struct group *g = &h->group[h->n_groups];

	*g = (struct group){ 0 };
	memcpy(g->comm, comm, strnlen(comm, sizeof(g->comm) - 1));
	return h->n_groups++;
}

/* Who has that pid now. NULL: gone, or there are too many. */
static struct seen *meet(struct watch *w, uint64_t pid, uint32_t *slot)
{
	struct history *h = w->h;
	struct seen *s = *slot ? &h->seen[*slot - 1] : NULL;
	char path[PROC_PATH_MAX], buf[1024];
	ssize_t n = host_read_record(w->p->host, proc_path(path, pid, "stat"), buf, sizeof(buf));

	table_cut(w->stat, 0);
	if (n <= 0 || process_parse(buf, (size_t)n, w->stat) < 0)
		return NULL;
	const struct process *row = w->stat->row;

	if (s && s->start_ns == row->start_ns)
		return s;
	if (!s && h->n == SEEN_MAX) {
		h->left_out++;
		return NULL;
	}
	if (!s) {
		s = &h->seen[h->n++];
		*slot = h->n;
	}
	*s = (struct seen){ .pid = pid, .start_ns = row->start_ns, .user = !row->kthread };
	memset(s->kib, 0xff, sizeof(s->kib));
	s->group = s->user ? group_of(h, table_text(w->stat, row->comm)) : GROUPS_MAX;
	return s;
}

static uint32_t kib_of(uint64_t bytes)
{
	return bytes / 1024 < GAP ? (uint32_t)(bytes / 1024) : GAP - 1;
}

/* Resident pages that are no file's and not shared. */
static bool anon_bytes(struct watch *w, uint64_t pid, uint64_t *ret_bytes)
{
	char path[PROC_PATH_MAX], buf[128];
	ssize_t n = host_read_record(w->p->host, proc_path(path, pid, "statm"), buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n > 0 ? (size_t)n : 0);
	uint64_t size, resident, shared;

	if (!cursor_u64(&c, &size) || !cursor_lit(&c, " ") || !cursor_u64(&c, &resident) ||
		!cursor_lit(&c, " ") || !cursor_u64(&c, &shared) || resident == 0)
		return false; /* a zombie has no memory */
	*ret_bytes = resident > shared ? (resident - shared) * w->page : 0;
	return true;
}

static bool all_bytes(struct watch *w, struct seen *s, uint64_t *ret_bytes)
{
	struct mem_status m;

	if (mem_status_read(w->p, s->pid, &m, NULL) < 0 || !m.parts)
		return false;
	*ret_bytes = m.anon + (w->h->by_status ? m.swap + m.tables : 0);
	s->peak_kib = s->peak_kib ? s->peak_kib : kib_of(m.peak);
	return true;
}

static void look_at(struct watch *w, uint64_t pid)
{
	struct history *h = w->h;
	uint32_t *slot = slot_of(h, pid), tick = h->ticks;
	struct seen *s = *slot ? &h->seen[*slot - 1] : NULL;
	uint64_t bytes;

	/* Whoever was not there the last time may be another with the same pid. */
	if (!s || (s->group != GROUPS_MAX && tick > 0 && s->kib[tick - 1] == GAP))
		s = meet(w, pid, slot);
	if (!s || s->group == GROUPS_MAX) {
		h->left_out += s && s->user;
		return;
	}
	bool known = (h->by_status || s->peak_kib == 0) && all_bytes(w, s, &bytes);

	if (!known && (h->by_status || !anon_bytes(w, pid, &bytes)))
		return;
	s->kib[tick] = kib_of(bytes);
	h->group[s->group].bytes[tick] += bytes;
	h->group[s->group].n[tick]++;
}

static const struct meminfo *read_meminfo(struct watch *w)
{
	auto_strbuf text = { 0 };

	table_cut(w->meminfo, 0);
	if (host_read_all(w->p->host, "proc/meminfo", 65536, &text) < 0 ||
		meminfo_parse(strbuf_text(&text), text.len, w->meminfo) < 0)
		return NULL;
	return w->meminfo->row;
}

/* The first tick decides by what it is measured: a series has one measure. */
static void choose_measure(struct watch *w, struct strbuf *names)
{
	const struct meminfo *m = read_meminfo(w);
	uint64_t n = 0, pid;

	for (const char *s = NULL; (s = host_next_name(names, s));)
		n += proc_is_pid(s, &pid);
	w->h->by_status = m && m->swap_total_bytes > 0 && n <= STATUS_MOST;
}

/* Nothing of this tick is known. */
static void clear_tick(struct history *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		h->seen[i].kib[h->ticks] = GAP;
	for (uint32_t i = 0; i < h->n_groups; i++) {
		h->group[i].bytes[h->ticks] = 0;
		h->group[i].n[h->ticks] = 0;
	}
}

/* 0 or -errno of listing /proc. */
static int tick(struct watch *w)
{
	struct history *h = w->h;
	auto_strbuf names = { 0 };
	uint64_t pid;
	int err = host_list(w->p->host, "proc", &names);

	if (err < 0)
		return err;
	if (h->ticks == 0)
		choose_measure(w, &names);
	clear_tick(h);
	h->left_out = 0;
	h->at_ns[h->ticks] = clock_ns(CLOCK_BOOTTIME);
	for (const char *s = NULL; (s = host_next_name(&names, s));) {
		/* Half a tick is none: who is not there would have ended. */
		if (probe_late(w->p))
			return 0;
		if (proc_is_pid(s, &pid))
			look_at(w, pid);
	}
	const struct meminfo *m = read_meminfo(w);

	h->shared[h->ticks] = m ? m->shmem_bytes : 0;
	h->ticks++;
	return 0;
}

/* Which tick becomes number i of the half that stays: each second, or the later ones. */
static uint32_t stays(const struct history *h, uint32_t i)
{
	return h->interval_ns < INTERVAL_MOST_NS ? 2 * i + 1 : TICKS / 2 + i;
}

static void halve_u64(const struct history *h, uint64_t *v)
{
	for (uint32_t i = 0; i < TICKS / 2; i++)
		v[i] = v[stays(h, i)];
}

static void halve_u32(const struct history *h, uint32_t *v)
{
	for (uint32_t i = 0; i < TICKS / 2; i++)
		v[i] = v[stays(h, i)];
}

/* Names that nobody has any more go; ret_now: their numbers from now on. */
static void forget_groups(struct history *h, uint32_t ret_now[GROUPS_MAX])
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->n_groups; i++) {
		struct group *g = &h->group[i];

		halve_u64(h, g->bytes);
		halve_u32(h, g->n);
		ret_now[i] = kept;
		if (g->n[TICKS / 2 - 1] > 0)
			h->group[kept++] = *g;
	}
	h->n_groups = kept;
}

/* For one tick more. */
static void make_room(struct history *h)
{
	uint32_t now[GROUPS_MAX], kept = 0;

	forget_groups(h, now);
	halve_u64(h, h->at_ns);
	halve_u64(h, h->shared);
	memset(h->slot, 0, sizeof(h->slot));
	for (uint32_t i = 0; i < h->n; i++) {
		struct seen *s = &h->seen[i];

		halve_u32(h, s->kib);
		/* Threads of the kernel are met again, and never looked at. */
		if (s->kib[TICKS / 2 - 1] == GAP)
			continue;
		s->group = now[s->group];
		h->seen[kept] = *s;
		*slot_of(h, s->pid) = kept + 1;
		kept++;
	}
	h->n = kept;
	h->ticks = TICKS / 2;
	if (h->interval_ns < INTERVAL_MOST_NS)
		h->interval_ns *= 2;
}

static void sleep_to(uint64_t when_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(when_ns / NS_PER_S),
		.tv_nsec = (long)(when_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/*
 * How long to rest after a tick that took cpu_ns: as long as the points of the look are apart, and
 * longer where a tick is dear, but not so long that no trend could be seen in a look made for it.
 */
static uint64_t interval(const struct history *h, uint64_t cpu_ns, uint64_t for_ns)
{
	uint64_t ns = cpu_ns * COST_SHARE, most = for_ns / (TREND_TICKS + 2);

	if (for_ns >= WATCH_LEAST_NS && ns > most)
		ns = cpu_ns * COST_SHARE_LEAST > most ? cpu_ns * COST_SHARE_LEAST : most;
	ns = ns > for_ns / TICKS ? ns : for_ns / TICKS;
	ns = ns > INTERVAL_LEAST_NS ? ns : INTERVAL_LEAST_NS;
	return ns > h->interval_ns ? ns : h->interval_ns;
}

/* Ticks at equal intervals, as far as they fall into the time from now on. */
static int watch_for(struct watch *w, uint64_t for_ns)
{
	struct history *h = w->h;
	uint64_t now = clock_ns(CLOCK_MONOTONIC), end = now + for_ns;
	int err = 0;

	if (h->ticks == 0 || h->next_ns < now)
		h->next_ns = now;
	while (err == 0 && h->next_ns < end && !probe_late(w->p)) {
		sleep_to(h->next_ns);
		uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

		h->busy = true;
		if (h->ticks == TICKS)
			make_room(h);
		/* The first is the dearest, since it also asks who they are. */
		bool first = h->ticks == 0;

		err = tick(w);
		h->busy = false;
		cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		h->next_ns += interval(h, first ? cpu / 4 : cpu, for_ns);
		if (!first)
			h->interval_ns = interval(h, cpu, for_ns);
	}
	return err;
}

/* By how much the least of the last third is above the least of the first; 0: not, or not there. */
static uint64_t risen(const struct history *h, const struct seen *s)
{
	uint32_t third = h->ticks / 3, first = GAP, last = GAP, there = 0;

	for (uint32_t i = 0; i < h->ticks; i++) {
		there += s->kib[i] != GAP;
		if (i < third && s->kib[i] < first)
			first = s->kib[i];
		if (i >= h->ticks - third && s->kib[i] < last)
			last = s->kib[i];
	}
	if (first == GAP || s->kib[h->ticks - 1] == GAP || there * 2 < h->ticks || last <= first)
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
	row_put(t->schema, row, MEM_SERIES_interval_ns, NS_PER_MS);
	row_put(t->schema, row, MEM_SERIES_points, w->h->ticks);
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
	row_put(t->schema, row, MEM_POINT_tick, (w->h->at_ns[tick] - w->h->at_ns[0]) / NS_PER_MS);
	row_put(t->schema, row, MEM_POINT_value, value);
	return 0;
}

/*
 * By how much the highest resident size that it ever had rose meanwhile. Unknown where some is
 * swapped out: then it may grow below that.
 */
static void give_peak(struct watch *w, const struct seen *s, struct mem_series *row)
{
	struct mem_status m;
	uint64_t was = (uint64_t)s->peak_kib * 1024;

	if (was > 0 && mem_status_read(w->p, s->pid, &m, NULL) == 0 && m.peak >= was && m.swap == 0)
		row_put(schemas[TABLE_mem_series], row, MEM_SERIES_peak_rise_bytes, m.peak - was);
}

static int give_process(struct watch *w, const struct seen *s)
{
	struct mem_series *row = add_series(w, SERIES_PROCESS, w->h->group[s->group].comm);
	int err = row ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->h->ticks && err == 0; i++) {
		if (s->kib[i] != GAP)
			err = add_point(w, row, i, (uint64_t)s->kib[i] * 1024);
	}
	if (err < 0)
		return err;
	row_put(schemas[TABLE_mem_series], row, MEM_SERIES_pid, s->pid);
	row_put(schemas[TABLE_mem_series], row, MEM_SERIES_start_ns, s->start_ns);
	give_peak(w, s, row);
	return 0;
}

static int give_group(struct watch *w, const struct group *g, enum series_kind kind)
{
	struct mem_series *row = add_series(w, kind, g->comm);
	int err = row ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->h->ticks && err == 0; i++) {
		if (g->n[i] > 0)
			err = add_point(
				w, row, i, kind == SERIES_COUNT ? g->n[i] : g->bytes[i] / g->n[i]);
	}
	if (err < 0)
		return err;
	row_put(schemas[TABLE_mem_series], row, MEM_SERIES_processes, g->n[w->h->ticks - 1]);
	return 0;
}

static int give_processes(struct watch *w)
{
	struct given top[GIVEN_PROCESSES];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < w->h->n; i++) {
		uint64_t rise = risen(w->h, &w->h->seen[i]);

		if (rise > 0)
			rank(top, &n, GIVEN_PROCESSES, (struct given){ i, rise });
	}
	for (size_t i = 0; i < n && err == 0; i++)
		err = give_process(w, &w->h->seen[top[i].at]);
	return err;
}

/* Of two processes or more, those whose sum grew most. */
static int give_groups(struct watch *w)
{
	struct given top[GIVEN_GROUPS];
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < w->h->n_groups; i++) {
		const struct group *g = &w->h->group[i];
		uint64_t last = g->bytes[w->h->ticks - 1];

		if (g->n[w->h->ticks - 1] > 1 && last > g->bytes[0])
			rank(top, &n, GIVEN_GROUPS, (struct given){ i, last - g->bytes[0] });
	}
	for (size_t i = 0; i < n && err == 0; i++) {
		err = give_group(w, &w->h->group[top[i].at], SERIES_GROUP);
		if (err == 0)
			err = give_group(w, &w->h->group[top[i].at], SERIES_COUNT);
	}
	return err;
}

static int give_shared(struct watch *w)
{
	struct mem_series *row = add_series(w, SERIES_SHARED, "");
	int err = row ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < w->h->ticks && err == 0; i++)
		err = add_point(w, row, i, w->h->shared[i]);
	return err;
}

static uint64_t watched_ns(const struct history *h)
{
	return h->ticks > 0 ? h->at_ns[h->ticks - 1] - h->at_ns[0] : 0;
}

static bool shows_trends(const struct history *h)
{
	return h->ticks >= TREND_TICKS && watched_ns(h) >= WATCH_LEAST_NS - INTERVAL_LEAST_NS;
}

static void say_state(const struct watch *w, struct table *t, int err, uint64_t for_ns)
{
	const struct history *h = w->h;

	t->lost = h->left_out;
	if (err < 0)
		table_fail(t, state_of_errno(err), "/proc: %s", strerror(-err));
	else if (shows_trends(h))
		t->state = STATE_OK;
	else if (for_ns < WATCH_LEAST_NS)
		table_fail(t, STATE_ABSENT, "watched for %u s so far",
			(unsigned)(watched_ns(h) / NS_PER_S));
	else
		table_fail(t, STATE_LATE,
			"%u processes: looked at only %u times in this time, as that is dear", h->n,
			h->ticks);
	if (t->lost > 0 && t->state == STATE_OK)
		snprintf(t->why, sizeof(t->why), "more processes than are watched");
}

static int give_all(struct watch *w)
{
	int err = give_processes(w);

	if (err == 0)
		err = give_groups(w);
	return err < 0 ? err : give_shared(w);
}

static int read_mem_series(struct probe *p)
{
	struct watch w = { .p = p, .h = p->memory, .page = (uint64_t)host_page_size(p->host) };
	struct table *series = probe_table(p, TABLE_mem_series);
	struct table *points = probe_table(p, TABLE_mem_point);
	uint64_t for_ns = needs_for_ns(p->needs, p->n_needs, TABLE_mem_series);

	if (!series || !points || !host_is_live(p->host) || for_ns == 0)
		return 0;
	w.stat = table_new(schemas[TABLE_process]);
	w.meminfo = table_new(schemas[TABLE_meminfo]);
	int err = w.stat && w.meminfo && w.h ? 0 : -ENOMEM;

	/* A capture keeps the rows: thousands of files, sixty times each, are not for it. */
	host_set_tap(p->host, NULL, NULL);
	if (err == 0 && w.h->busy)
		memset(w.h, 0, sizeof(*w.h));
	if (err == 0)
		err = watch_for(&w, for_ns);
	if (err == 0 && shows_trends(w.h))
		err = give_all(&w);
	if (err != -ENOMEM) {
		say_state(&w, series, err, for_ns);
		say_state(&w, points, err, for_ns);
	}
	table_unref(w.stat);
	table_unref(w.meminfo);
	return err == -ENOMEM ? err : 0;
}

const struct source source_mem_series = {
	.name = "mem_series",
	.fills = { TABLE_mem_series, TABLE_mem_point },
	.cost = COST_CHEAP,
	.manner = MANNER_RISKY,
	.rows_only = true,
	.memory = sizeof(struct history),
	.deadline_ns = 800000000, /* besides the time that it watches */
	.read = read_mem_series,
};
