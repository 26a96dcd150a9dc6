/* SPDX-License-Identifier: MIT */
/* Rows that tests of the network's checks share. */
#ifndef MURPHY_TESTS_BUILD_NET_H
#define MURPHY_TESTS_BUILD_NET_H

#include "model/tcp.h"
#include "tests/unit/build.h"

enum { SELF = 977, NS = 4711 };

/* A row in both frames; the caller adds what grew to the second. */
static inline void *add_pair(struct scene *s, enum table_id id)
{
	build_row(&s->was, id);
	return build_row(&s->now, id);
}

static inline struct snmp *add_snmp(struct scene *s, uint64_t netns)
{
	struct snmp *now = add_pair(s, TABLE_snmp);
	struct table *was = s->was.at[TABLE_snmp];

	((struct snmp *)table_at(was, was->n - 1))->netns = now->netns = netns;
	return now;
}

static inline struct tcp_socket *add_socket(struct frame *f, uint64_t cookie, const char *peer)
{
	struct tcp_socket *s = build_row(f, TABLE_tcp_socket);

	s->cookie = cookie;
	s->inode = 5000 + cookie;
	s->state = TCP_STATE_ESTABLISHED;
	s->family = 2;
	s->local = build_text(f, TABLE_tcp_socket, "10.0.0.1");
	s->local_port = 40000 + (uint32_t)cookie;
	s->peer = build_text(f, TABLE_tcp_socket, peer);
	s->peer_port = 5432;
	return s;
}

static inline void add_owner(struct scene *s, uint64_t cookie)
{
	struct socket_owner *o = build_row(&s->now, TABLE_socket_owner);

	o->inode = 5000 + cookie;
	o->pid = SELF;
	o->holders = 1;
}

static inline void add_process(struct scene *s, uint32_t state)
{
	struct process *p = add_pair(s, TABLE_process);
	struct table *was = s->was.at[TABLE_process];

	((struct process *)table_at(was, was->n - 1))->pid = p->pid = SELF;
	p->comm = build_text(&s->now, TABLE_process, "api");
	p->state = state;
}

#endif
