/* SPDX-License-Identifier: MIT */
#include "source/tcp_flows.h"

#include "base/attr.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * A server with a port of its own in the ephemeral range has a group for each client's port: those
 * must not eat memory without end. What matters, thousands of connections to one peer, is met early
 * among them, because the kernel walks its hash.
 */
enum { GROUPS_MAX = 65536, SIZE_MIN = 256, ROWS_MAX = 64 };

struct tcp_key {
	uint8_t local[16], peer[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint32_t peer_port;
};

struct tcp_group {
	struct tcp_key key;
	uint64_t established, time_wait, other; /* all 0: free */
	uint64_t inode;
	uint64_t unguarded, silent_ns, unguarded_inode;
};

static uint64_t sockets_of(const struct tcp_group *g)
{
	return g->established + g->time_wait + g->other;
}

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void widen(uint8_t to[16], uint32_t family, const uint8_t *address)
{
	if (family == AF_INET6) {
		memcpy(to, address, 16);
		return;
	}
	memcpy(to, mapped, sizeof(mapped));
	memcpy(to + sizeof(mapped), address, 4);
}

/* Its group, or the free place where it belongs. There always is one. */
static struct tcp_group *place_of(struct tcp_group *group, size_t size, const struct tcp_key *key)
{
	size_t i = hash_fnv64((const char *)key, sizeof(*key)) & (size - 1);

	while (sockets_of(&group[i]) && memcmp(&group[i].key, key, sizeof(*key)) != 0)
		i = (i + 1) & (size - 1);
	return &group[i];
}

static int grow(struct tcp_flows *f)
{
	size_t size = f->size ? f->size * 2 : SIZE_MIN;
	struct tcp_group *group = mem_new(size, sizeof(*group));

	if (!group)
		return -ENOMEM;
	for (size_t i = 0; i < f->size; i++) {
		if (sockets_of(&f->group[i]))
			*place_of(group, size, &f->group[i].key) = f->group[i];
	}
	free(f->group);
	f->group = group;
	f->size = size;
	return 0;
}

/* Nothing in either direction, not even an ACK. */
static uint64_t silence_of(const struct tcp_socket *s)
{
	uint64_t ns = s->last_sent_ns < s->last_received_ns ? s->last_sent_ns : s->last_received_ns;

	return s->last_ack_ns < ns ? s->last_ack_ns : ns;
}

/*
 * Would nobody notice if the peer were gone: neither data on its way nor keepalive, whose timer
 * runs all the time?
 */
static void count_unguarded(struct tcp_group *g, const struct tcp_socket *s, uint64_t keepalive_ns)
{
	uint64_t silent_ns = silence_of(s);

	if (s->timer != 0 || s->send_queue > 0 || silent_ns <= keepalive_ns ||
		!row_has(s->has, TCP_SOCKET_last_ack_ns))
		return;
	g->unguarded++;
	if (silent_ns > g->silent_ns) {
		g->silent_ns = silent_ns;
		g->unguarded_inode = s->inode;
	}
}

int tcp_flows_count(struct tcp_flows *f, const struct tcp_diag *d)
{
	const struct tcp_socket *s = &d->row;
	struct tcp_key key = { .peer_port = s->peer_port };

	if (s->local_port < f->port_low || s->local_port > f->port_high || s->peer_port == 0)
		return 0;
	if (f->n * 2 >= f->size && f->n < GROUPS_MAX && grow(f) < 0)
		return -ENOMEM;
	widen(key.local, s->family, d->local);
	widen(key.peer, s->family, d->peer);
	struct tcp_group *g = place_of(f->group, f->size, &key);

	if (sockets_of(g) == 0) {
		if (f->n >= GROUPS_MAX) {
			f->lost++;
			return 0;
		}
		g->key = key;
		f->n++;
	}
	if (s->state == TCP_STATE_ESTABLISHED) {
		g->established++;
		count_unguarded(g, s, f->keepalive_ns);
	} else if (s->state == TCP_STATE_TIME_WAIT) {
		g->time_wait++;
	} else {
		g->other++;
	}
	if (s->inode && (!g->inode || s->inode < g->inode))
		g->inode = s->inode;
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = sockets_of(a), y = sockets_of(b);

	if (x != y)
		return x > y ? -1 : 1;
	return memcmp(a, b, sizeof(struct tcp_key));
}

static int add_row(struct table *t, const struct tcp_group *g, uint64_t netns)
{
	struct tcp_flow *row = table_add(t);

	if (!row)
		return -ENOMEM;
	bool v4 = memcmp(g->key.peer, mapped, sizeof(mapped)) == 0;

	row->local = tcp_diag_address(t, AF_INET6, g->key.local);
	row->peer = tcp_diag_address(t, AF_INET6, g->key.peer);
	if (!row->local || !row->peer) {
		table_drop_last(t);
		return -ENOMEM;
	}
	row_set(&row->has, TCP_FLOW_local);
	row_set(&row->has, TCP_FLOW_peer);
	row_put(t->schema, row, TCP_FLOW_netns, netns);
	row_put(t->schema, row, TCP_FLOW_peer_port, g->key.peer_port);
	row_put(t->schema, row, TCP_FLOW_family, v4 ? AF_INET : AF_INET6);
	row_put(t->schema, row, TCP_FLOW_established, g->established);
	row_put(t->schema, row, TCP_FLOW_time_wait, g->time_wait);
	row_put(t->schema, row, TCP_FLOW_other, g->other);
	row_put(t->schema, row, TCP_FLOW_unguarded, g->unguarded);
	if (g->unguarded) {
		row_put(t->schema, row, TCP_FLOW_silent_ns, g->silent_ns);
		row_put(t->schema, row, TCP_FLOW_unguarded_inode, g->unguarded_inode);
	}
	if (g->inode)
		row_put(t->schema, row, TCP_FLOW_inode, g->inode);
	return 0;
}

int tcp_flows_rows(struct tcp_flows *f, struct table *t, uint64_t netns)
{
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < f->size; i++) {
		if (sockets_of(&f->group[i]))
			f->group[n++] = f->group[i];
	}
	if (n > 0)
		qsort(f->group, n, sizeof(*f->group), compare);
	for (size_t i = 0; i < n && i < ROWS_MAX && err == 0; i++)
		err = add_row(t, &f->group[i], netns);
	t->lost += f->lost;
	tcp_flows_release(f);
	return err;
}

void tcp_flows_release(struct tcp_flows *f)
{
	free(f->group);
	f->group = NULL;
	f->n = f->size = f->lost = 0;
}
