/* SPDX-License-Identifier: MIT */
#include "view/nagle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* As in the check: one stall alone may be a chance. */
enum { STALLS_MIN = 2 };

bool nagle_waits(const struct nagle_group *g)
{
	return g->stalls >= STALLS_MIN && g->answered > 0;
}

static const char *name_in(const struct frame *f, uint64_t pid)
{
	const struct table *t = frame_table(f, TABLE_process);
	const struct process *p = table_usable(t) ? table_find(t, pid) : NULL;

	return p ? table_text(t, p->comm) : NULL;
}

static const char *name_of(const struct nagle_report *r, uint64_t pid)
{
	const char *name = pid ? name_in(r->frame, pid) : NULL;

	return name || !pid ? name : name_in(r->was, pid);
}

/*
 * The end with the lower port is the service. A client's connections to it are told apart by ports
 * of its own, those of a server by ports of the peer: neither says anything.
 */
static bool is_client(const struct nagle_hold *h)
{
	return h->peer_port <= h->local_port;
}

static uint32_t service_of(const struct nagle_hold *h)
{
	return is_client(h) ? h->peer_port : h->local_port;
}

struct entry {
	const struct nagle_hold *hold;
	const char *peer;
};

static int compare_u64(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

/* 0: the same group. */
static int compare_keys(const struct entry *a, const struct entry *b)
{
	const struct nagle_hold *x = a->hold, *y = b->hold;
	int order = compare_u64(x->netns, y->netns);

	order = order ? order : compare_u64(x->pid, y->pid);
	order = order ? order : compare_u64(is_client(x), is_client(y));
	order = order ? order : compare_u64(service_of(x), service_of(y));
	order = order ? order : strcmp(a->peer, b->peer);
	if (order == 0 && x->pid == 0)
		order = compare_u64(x->cookie, y->cookie);
	return order;
}

static int compare_entries(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int order = compare_keys(a, b);

	return order ? order : compare_u64(a->hold->cookie, b->hold->cookie);
}

static int compare_groups(const void *x, const void *y)
{
	const struct nagle_group *a = x, *b = y;

	if (a->held_ns != b->held_ns)
		return a->held_ns > b->held_ns ? -1 : 1;
	return compare_u64(a->pid, b->pid);
}

static void add_acker(const struct nagle_report *r, struct nagle_group *g, uint64_t inode)
{
	const struct table *t = frame_table(r->frame, TABLE_socket_owner);
	const struct socket_owner *o = inode && table_usable(t) ? table_find(t, inode) : NULL;

	if (!o)
		return;
	g->acker_pid = o->pid;
	g->acker = name_of(r, o->pid);
}

static void fold(struct nagle_report *r, struct nagle_group *g, const struct nagle_hold *h)
{
	const struct table *t = frame_table(r->frame, TABLE_nagle_hold);

	if (g->connections++ == 0) {
		*g = (struct nagle_group){ .netns = h->netns,
			.pid = h->pid,
			.command = name_of(r, h->pid),
			.local = table_text(t, h->local),
			.peer = table_text(t, h->peer),
			.local_port = h->local_port,
			.peer_port = h->peer_port,
			.connections = 1 };
	}
	g->local_port = g->local_port == h->local_port ? h->local_port : 0;
	g->peer_port = g->peer_port == h->peer_port ? h->peer_port : 0;
	g->sends += h->sends;
	g->holds += h->holds;
	g->held_ns += h->held_ns;
	g->longest_ns = h->longest_ns > g->longest_ns ? h->longest_ns : g->longest_ns;
	g->stalls += h->stalls;
	g->stalled_ns += h->stalled_ns;
	g->answered += h->answered;
	g->delayed_acks += h->delayed_acks;
	if (!g->worst || h->held_ns > g->worst->held_ns)
		g->worst = h;
	if (!g->acker_pid)
		add_acker(r, g, h->acker_inode);
}

static bool wanted(const struct nagle_report *r, const struct nagle_hold *h)
{
	return (!r->pid || h->pid == r->pid) &&
	       (!r->port || h->local_port == r->port || h->peer_port == r->port);
}

static int group(struct nagle_report *r, const struct table *t, struct arena *a)
{
	struct entry *entry = arena_new(a, (t->n + 1) * sizeof(*entry));
	size_t n = 0;

	r->group = arena_new(a, (t->n + 1) * sizeof(*r->group));
	if (!entry || !r->group)
		return -ENOMEM;
	for (table_each(const struct nagle_hold, h, t)) {
		if (wanted(r, h))
			entry[n++] = (struct entry){ h, table_text(t, h->peer) };
	}
	qsort(entry, n, sizeof(*entry), compare_entries);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || compare_keys(&entry[i - 1], &entry[i]) != 0)
			r->n++;
		fold(r, &r->group[r->n - 1], entry[i].hold);
	}
	qsort(r->group, r->n, sizeof(*r->group), compare_groups);
	return 0;
}

int nagle_view(struct nagle_report *r, struct arena *a)
{
	const struct table *t = frame_table(r->frame, TABLE_nagle_hold);

	r->state = t ? t->state : STATE_ABSENT;
	r->watch = frame_row(r->frame, TABLE_nagle_watch);
	if (!table_usable(t) || !r->watch) {
		r->why = t && t->why[0] ? t->why : "it was not read";
		r->watch = NULL;
		return 0;
	}
	int err = group(r, t, a);

	for (size_t i = 0; i < r->n; i++) {
		r->holds += r->group[i].holds;
		r->held_ns += r->group[i].held_ns;
		r->stalls += r->group[i].stalls;
		r->stalled_ns += r->group[i].stalled_ns;
	}
	return err;
}
