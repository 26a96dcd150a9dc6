/* SPDX-License-Identifier: MIT */
#include "look/mem_look.h"

#include "base/clock.h"
#include "base/mem.h"
#include "sample/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* To read the frame; and what was asked: exact values of ten thousand processes take their time. */
#define FRAME_NS 1200000000u
#define ASK_NS 10000000000u
#define ASK_EXACT_NS 120000000000u

struct mem_look {
	struct host *host;
	struct feed *feed;
	struct mem_options options;
	struct need need[NEEDS_MAX];
	size_t n_needs;
	struct frame frame;
	struct arena arena;
	struct mem_groups groups;
	uint64_t now_ns, cpu_ns, wall_ns;
};

static void add_need(struct mem_look *l, enum table_id id, bool ask, bool exact)
{
	l->need[l->n_needs++] = (struct need){ .table = id, .ask = ask, .exact = exact };
}

static void list_needs(struct mem_look *l)
{
	static const enum table_id host[] = { TABLE_host, TABLE_meminfo, TABLE_zone, TABLE_cma,
		TABLE_vmstat, TABLE_process };
	static const enum table_id asked[] = { TABLE_group_share, TABLE_process_share,
		TABLE_shared_object, TABLE_object_share, TABLE_mapping };
	const enum table_id *by = mem_groups_tables(l->options.by);

	for (size_t i = 0; i < ARRAY_SIZE(host); i++)
		add_need(l, host[i], false, false);
	/* What estimates are made of; sessions are not told with it. */
	if (!l->options.exact && l->options.by != MEM_BY_SESSION)
		add_need(l, TABLE_process_memory, false, false);
	/* Who a process belongs to is wanted of all. */
	for (size_t i = 0; i < 2 && by[i]; i++)
		add_need(l, by[i], false, true);
	if (l->options.by == MEM_BY_USER)
		add_need(l, TABLE_user_name, false, false);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		add_need(l, asked[i], true, l->options.exact);
}

int mem_look_new(struct host *h, const struct mem_options *o, struct mem_look **ret_look)
{
	struct mem_look *l = mem_new(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->host = h;
	l->options = *o;
	list_needs(l);
	int err = feed_new(h, &l->feed);

	if (err < 0)
		free(l);
	else
		*ret_look = l;
	return err;
}

void mem_look_free(struct mem_look *l)
{
	if (!l)
		return;
	feed_free(l->feed);
	frame_release(&l->frame);
	arena_release(&l->arena);
	free(l);
}

static int ask_groups(struct mem_look *l)
{
	const uint64_t *key = l->groups.key;
	size_t n = l->groups.n_keys, n_asks = 1;
	struct feed_ask asks[] = {
		{ TABLE_group_share, key, n },
		{ TABLE_shared_object, key, n },
		{ TABLE_object_share, key, n },
	};

	/* Estimates are made of shared objects: they cost nothing more. */
	if (l->options.objects || !l->options.exact)
		n_asks = ARRAY_SIZE(asks);
	return feed_asks(l->feed, asks, n_asks, l->need, l->n_needs, &l->frame);
}

static int ask_process(struct mem_look *l)
{
	uint64_t pid = l->options.pid, key = member_key(0, pid);
	struct feed_ask asks[] = {
		{ TABLE_mapping, &pid, 1 },
		{ TABLE_process_share, &key, 1 },
	};

	return feed_asks(l->feed, asks, ARRAY_SIZE(asks), l->need, l->n_needs, &l->frame);
}

static int look(struct mem_look *l)
{
	unsigned int frames = host_frames(l->host);

	feed_set_budget(l->feed, FRAME_NS);
	int err =
		feed_frame(l->feed, frames ? frames - 1 : 0, true, l->need, l->n_needs, &l->frame);

	if (err < 0)
		return err;
	const struct table *processes = frame_table(&l->frame, TABLE_process);

	if (!table_usable(processes))
		return -EACCES;
	if (l->options.pid && !table_find(processes, l->options.pid))
		return -ESRCH;
	err = mem_groups_make(&l->frame, l->options.by, &l->arena, &l->groups);
	if (err < 0)
		return err;
	feed_set_budget(l->feed, l->options.exact ? ASK_EXACT_NS : ASK_NS);
	err = l->options.pid ? ask_process(l) : ask_groups(l);
	if (err == 0)
		mem_groups_fold(&l->groups, &l->frame);
	return err;
}

int mem_look_next(struct mem_look *l)
{
	uint64_t wall = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	uint64_t readers = feed_cost(l->feed).cpu_ns;

	frame_release(&l->frame);
	arena_release(&l->arena);
	l->groups = (struct mem_groups){ 0 };
	int err = look(l);

	/* Of a root, the clock of its frame. */
	l->now_ns = host_boottime_ns(l->host);
	l->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
	l->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu + feed_cost(l->feed).cpu_ns - readers;
	return err;
}

const struct frame *mem_look_frame(const struct mem_look *l)
{
	return &l->frame;
}

const struct mem_groups *mem_look_groups(const struct mem_look *l)
{
	return &l->groups;
}

uint64_t mem_look_now_ns(const struct mem_look *l)
{
	return l->now_ns;
}

uint64_t mem_look_cpu_ns(const struct mem_look *l)
{
	return l->cpu_ns;
}

uint64_t mem_look_wall_ns(const struct mem_look *l)
{
	return l->wall_ns;
}

uint64_t mem_look_peak_bytes(const struct mem_look *l)
{
	return feed_cost(l->feed).peak_bytes;
}
