/* SPDX-License-Identifier: MIT */
#include "look/tcp_look.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* To read the frame, of up to a million sockets; and to find who holds them. */
#define FRAME_NS 12000000000u
#define ASK_NS 10000000000u

/* keep() and verdict() of a need have no argument: readers are forked with this as it is. */
static struct tcp_wanted wanted;

struct tcp_look {
	struct host *host;
	struct feed *feed;
	struct need need[NEEDS_MAX];
	size_t n_needs;
	struct frame frame;
	uint64_t began_wall_ns, began_cpu_ns, began_readers_ns;
};

static uint32_t verdict_of(const void *row)
{
	return tcp_judge(row);
}

static bool is_wanted(const void *row)
{
	const struct tcp_socket *s = row;

	if (wanted.states && !(wanted.states >> s->state & 1))
		return false;
	if (wanted.port && s->local_port != wanted.port && s->peer_port != wanted.port)
		return false;
	return !wanted.verdicts || wanted.verdicts >> tcp_judge(s) & 1;
}

static void list_needs(struct tcp_look *l)
{
	static const enum table_id read[] = { TABLE_host, TABLE_netns, TABLE_netns_setting,
		TABLE_tcp_total, TABLE_tcp_tally, TABLE_process, TABLE_process_cgroup };

	for (size_t i = 0; i < ARRAY_SIZE(read); i++)
		l->need[l->n_needs++] = (struct need){ .table = read[i], .optional = true };
	l->need[l->n_needs++] = (struct need){ .table = TABLE_tcp_socket,
		.keep = is_wanted,
		.verdict = verdict_of,
		.exact = wanted.all };
	l->need[l->n_needs++] = (struct need){ .table = TABLE_socket_owner, .ask = true };
}

int tcp_look_new(struct host *h, const struct tcp_wanted *what, struct tcp_look **ret_look)
{
	struct tcp_look *l = mem_new(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->host = h;
	wanted = *what;
	list_needs(l);
	int err = feed_new(h, &l->feed);

	if (err < 0)
		free(l);
	else
		*ret_look = l;
	return err;
}

void tcp_look_free(struct tcp_look *l)
{
	if (!l)
		return;
	feed_free(l->feed);
	frame_release(&l->frame);
	free(l);
}

int tcp_look_next(struct tcp_look *l)
{
	unsigned int frames = host_frames(l->host);

	l->began_wall_ns = clock_ns(CLOCK_MONOTONIC);
	l->began_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	l->began_readers_ns = feed_cost(l->feed).cpu_ns;
	frame_release(&l->frame);
	feed_set_budget(l->feed, FRAME_NS);
	return feed_frame(l->feed, frames ? frames - 1 : 0, true, l->need, l->n_needs, &l->frame);
}

static int compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

int tcp_look_owners(struct tcp_look *l, uint64_t *inodes, size_t n)
{
	size_t kept = 0;

	qsort(inodes, n, sizeof(*inodes), compare);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || inodes[i] != inodes[kept - 1])
			inodes[kept++] = inodes[i];
	}
	struct feed_ask ask = { TABLE_socket_owner, inodes, kept };

	feed_set_budget(l->feed, ASK_NS);
	return kept ? feed_asks(l->feed, &ask, 1, l->need, l->n_needs, &l->frame) : 0;
}

const struct frame *tcp_look_frame(const struct tcp_look *l)
{
	return &l->frame;
}

uint64_t tcp_look_now_ns(const struct tcp_look *l)
{
	return host_boottime_ns(l->host);
}

uint64_t tcp_look_cpu_ns(const struct tcp_look *l)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) - l->began_cpu_ns + feed_cost(l->feed).cpu_ns -
	       l->began_readers_ns;
}

uint64_t tcp_look_wall_ns(const struct tcp_look *l)
{
	return clock_ns(CLOCK_MONOTONIC) - l->began_wall_ns;
}

uint64_t tcp_look_peak_bytes(const struct tcp_look *l)
{
	return feed_cost(l->feed).peak_bytes;
}
