/* SPDX-License-Identifier: MIT */
#include "look/nagle_look.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>

/*
 * To read a frame; and what watching takes beyond its time: loading takes 60 ms, on an emulated CPU
 * 600.
 */
#define FRAME_NS 1200000000u
#define LOAD_NS 2000000000u
enum { ACKERS_MAX = 4096 };

struct nagle_look {
	struct host *host;
	struct feed *feed;
	struct frame was, now;
	uint64_t acker[ACKERS_MAX];
	uint64_t cpu_ns;
};

static const struct need needs[] = {
	{ .table = TABLE_process, .rate = true },
	{ .table = TABLE_socket_owner, .ask = true },
	{ .table = TABLE_nagle_watch, .ask = true },
	{ .table = TABLE_nagle_hold, .ask = true },
};
enum { N_NEEDS = ARRAY_SIZE(needs) };

int nagle_look_new(struct host *h, struct nagle_look **ret_look)
{
	struct nagle_look *l = mem_new(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->host = h;
	int err = feed_new(h, &l->feed);

	if (err < 0)
		free(l);
	else
		*ret_look = l;
	return err;
}

void nagle_look_free(struct nagle_look *l)
{
	if (!l)
		return;
	feed_free(l->feed);
	frame_release(&l->was);
	frame_release(&l->now);
	free(l);
}

static int trace(struct nagle_look *l, uint64_t for_ns)
{
	static const uint64_t whole;
	struct feed_ask asks[] = { { TABLE_nagle_hold, &whole, 1 },
		{ TABLE_nagle_watch, &whole, 1 } };
	struct need with[N_NEEDS];

	for (size_t i = 0; i < N_NEEDS; i++) {
		with[i] = needs[i];
		if (with[i].table == TABLE_nagle_hold)
			with[i].for_ns = for_ns;
	}
	feed_set_budget(l->feed, LOAD_NS + for_ns);
	return feed_asks(l->feed, asks, ARRAY_SIZE(asks), with, N_NEEDS, &l->was);
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Whose ACKs were late: who has the other ends that are on this host. */
static int ask_ackers(struct nagle_look *l)
{
	const struct table *t = frame_table(&l->now, TABLE_nagle_hold);
	size_t n = 0, distinct = 0;

	for (table_each(const struct nagle_hold, h, table_usable(t) ? t : NULL)) {
		if (h->acker_inode && n < ACKERS_MAX)
			l->acker[n++] = h->acker_inode;
	}
	if (n == 0)
		return 0;
	qsort(l->acker, n, sizeof(l->acker[0]), compare_u64);
	for (size_t i = 0; i < n; i++) {
		if (distinct == 0 || l->acker[distinct - 1] != l->acker[i])
			l->acker[distinct++] = l->acker[i];
	}
	struct feed_ask asks = { TABLE_socket_owner, l->acker, distinct };

	feed_set_budget(l->feed, FRAME_NS);
	return feed_asks(l->feed, &asks, 1, needs, N_NEEDS, &l->now);
}

static void keep_table(struct nagle_look *l, enum table_id id)
{
	l->now.at[id] = l->was.at[id];
	l->was.at[id] = NULL;
}

static int look(struct nagle_look *l, uint64_t pid, uint64_t for_ns)
{
	feed_set_budget(l->feed, FRAME_NS);
	int err = feed_frame(l->feed, 0, false, needs, N_NEEDS, &l->was);

	if (err < 0)
		return err;
	const struct table *processes = frame_table(&l->was, TABLE_process);

	if (pid && table_usable(processes) && !table_find(processes, pid))
		return -ESRCH;
	err = trace(l, for_ns);
	if (err < 0)
		return err;
	feed_set_was(l->feed, &l->was);
	feed_set_budget(l->feed, FRAME_NS);
	err = feed_frame(l->feed, 1, true, needs, N_NEEDS, &l->now);
	if (err < 0)
		return err;
	keep_table(l, TABLE_nagle_hold);
	keep_table(l, TABLE_nagle_watch);
	return ask_ackers(l);
}

int nagle_look_watch(struct nagle_look *l, uint64_t pid, uint64_t for_ns)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), readers = feed_cost(l->feed).cpu_ns;

	frame_release(&l->was);
	frame_release(&l->now);
	int err = look(l, pid, for_ns);

	l->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu + feed_cost(l->feed).cpu_ns - readers;
	return err;
}

const struct frame *nagle_look_frame(const struct nagle_look *l)
{
	return &l->now;
}

const struct frame *nagle_look_was(const struct nagle_look *l)
{
	return &l->was;
}

uint64_t nagle_look_cpu_ns(const struct nagle_look *l)
{
	return l->cpu_ns;
}
