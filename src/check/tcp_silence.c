/* SPDX-License-Identifier: MIT */
#include "check/tcp_silence.h"

#include "check/entity.h"
#include "model/tcp.h"

#include <stdlib.h>

/*
 * No answer at all: 1 and 2 s after the first SYN, or after data four times in
 * a row (200 ms, 0.4, 0.8, 1.6 s: RTO_MIN doubled). A browser's or a probe's
 * single try is no news, a pool's is.
 */
enum { SYN_TRIES = 2, DATA_TRIES = 4, SILENT_MIN = 4, SILENCES_MAX = 256 };
#define SILENT_WHY "one or two may be probes, or tries of several addresses"

bool tcp_silent(const struct tcp_socket *s)
{
	if (s->state == TCP_STATE_SYN_SENT)
		return s->timer_retransmits >= SYN_TRIES;
	return (s->state == TCP_STATE_ESTABLISHED || s->state == TCP_STATE_FIN_WAIT1) &&
	       s->timer == 1 && s->retransmits >= DATA_TRIES;
}

static int door_compare(const void *a, const void *b)
{
	const struct tcp_door *x = a, *y = b;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return (x->netns > y->netns) - (x->netns < y->netns);
}

struct tcp_doors tcp_doors_of(struct judgement *j, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	struct tcp_doors d = { 0 };
	size_t n = 0;

	for (table_each(struct tcp_socket, s, t))
		n += s->state == TCP_STATE_LISTEN;
	d.at = n ? arena_new(&j->arena, n * sizeof(*d.at)) : NULL;
	if (!d.at)
		return d;
	for (table_each(struct tcp_socket, s, t)) {
		if (s->state == TCP_STATE_LISTEN)
			d.at[d.n++] = (struct tcp_door){ s->local_port, s->netns };
	}
	qsort(d.at, d.n, sizeof(*d.at), door_compare);
	return d;
}

bool tcp_listens(const struct tcp_doors *d, uint32_t port, uint64_t netns)
{
	struct tcp_door key = { port, netns };

	return d->n && bsearch(&key, d->at, d->n, sizeof(*d->at), door_compare);
}

static int port_compare(const void *key, const void *door)
{
	const uint32_t *port = key;
	const struct tcp_door *d = door;

	return (*port > d->port) - (*port < d->port);
}

static bool listens_anywhere(const struct tcp_doors *d, uint32_t port)
{
	return d->n && bsearch(&port, d->at, d->n, sizeof(*d->at), port_compare);
}

/* Connections towards one peer and port that get no answer. */
struct silence {
	const struct tcp_socket *first;
	size_t sockets, syns, tries;
};

struct tcp_silences {
	const struct tcp_doors *doors;
	struct silence at[SILENCES_MAX];
	size_t n;
};

static bool same_way(const struct silence *z, const struct tcp_socket *s)
{
	return s->netns == z->first->netns && s->peer == z->first->peer &&
	       s->peer_port == z->first->peer_port;
}

/*
 * A client that went away hurts nobody here: only connections that this host
 * opened count. And when the listener that would have to answer is here, that
 * is the matter.
 */
static bool waits_in_vain(const struct tcp_doors *d, const struct tcp_socket *s)
{
	if (!tcp_silent(s) || s->inode == 0)
		return false;
	if (s->state == TCP_STATE_SYN_SENT)
		return s->local != s->peer || !listens_anywhere(d, s->peer_port);
	return !tcp_listens(d, s->local_port, s->netns);
}

/* The row of its peer and port, a new one, or NULL when all are taken. */
static struct silence *row_for(struct tcp_silences *list, const struct tcp_socket *s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (same_way(&list->at[i], s))
			return &list->at[i];
	}
	if (list->n == SILENCES_MAX)
		return NULL;
	list->at[list->n] = (struct silence){ .first = s };
	return &list->at[list->n++];
}

struct tcp_silences *tcp_silences_find(
	struct judgement *j, const struct model *m, const struct tcp_doors *doors)
{
	struct tcp_silences *list = arena_new(&j->arena, sizeof(*list));
	size_t kept = 0;

	if (!list)
		return NULL;
	list->doors = doors;
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		struct silence *z = waits_in_vain(doors, s) ? row_for(list, s) : NULL;
		bool syn = s->state == TCP_STATE_SYN_SENT;
		size_t tries = syn ? s->timer_retransmits : s->retransmits;

		if (!z)
			continue;
		z->sockets++;
		z->syns += syn;
		z->tries = tries > z->tries ? tries : z->tries;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (list->at[i].sockets >= SILENT_MIN)
			list->at[kept++] = list->at[i];
	}
	list->n = kept;
	return kept > 0 ? list : NULL;
}

bool tcp_silences_ask(struct judgement *j, const struct model *m, const struct tcp_silences *list)
{
	bool known = true;

	for (size_t i = 0; list && i < list->n; i++) {
		for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
			if (same_way(&list->at[i], s) && waits_in_vain(list->doors, s))
				known &= judge_ask(j, m, TABLE_socket_owner, s->inode);
		}
	}
	return known;
}

/* Most are of one process: its name is not put together for each. */
static void name_victims(struct judgement *j, const struct model *m, struct finding *f,
	const struct tcp_doors *doors, const struct silence *z)
{
	uint64_t last = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		const struct socket_owner *owner =
			same_way(z, s) && waits_in_vain(doors, s) ? tcp_owner(m, s->inode) : NULL;

		if (!owner || owner->pid == last)
			continue;
		last = owner->pid;
		finding_victim_once(f, entity_process(j, m, owner->pid));
	}
}

static void report(struct judgement *j, const struct model *m, const struct tcp_doors *doors,
	const struct silence *z)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_LIKELY);
	struct entity peer =
		entity_peer(j, t, z->first->family, z->first->peer, z->first->peer_port);
	bool syn = z->syns * 2 >= z->sockets;
	uint64_t netns = z->first->netns;

	finding_culprit(f, peer);
	name_victims(j, m, f, doors, z);
	finding_evidence(f, "silent.connections", UNIT_COUNT, reading_of((double)z->sockets),
		"sock_diag", reading_of(SILENT_MIN), SILENT_WHY);
	finding_evidence(f, "silent.retransmits", UNIT_COUNT, reading_of((double)z->tries),
		"sock_diag idiag_retrans, tcpi_retransmits",
		reading_of(syn ? SYN_TRIES : DATA_TRIES),
		"sent again that often without an answer, each time after "
		"twice the time");
	f->title = judge_text(j, "%s does not answer %zu connections: %s", peer.name, z->sockets,
		syn ? "their SYNs are lost or dropped" : "what they send is not acknowledged");
	f->cause = syn ? "the host is down, a firewall drops instead of refusing, or the "
			 "route "
			 "leads nowhere; a port that is only closed would refuse at once"
		       : "the peer or the path to it has gone while connections were open; "
			 "TCP "
			 "goes on trying for a quarter of an hour";
	finding_todo(f,
		judge_text(j, "does it answer at all:  %sping -c3 -W1 %s",
			netns_enter(j, netns, netns_pid(m, netns)), table_text(t, z->first->peer)));
	finding_todo(f,
		judge_text(j, "which way it goes:  %sip route get %s",
			netns_enter(j, netns, netns_pid(m, netns)), table_text(t, z->first->peer)));
	finding_todo(f, "in the program: a time-out for connecting of a second or two, "
			"TCP_USER_TIMEOUT for data, and another server to go to");
	f->refuted_if = "the connections open, or their bytes_acked grows";
}

size_t tcp_silences_report(
	struct judgement *j, const struct model *m, const struct tcp_silences *list)
{
	for (size_t i = 0; list && i < list->n; i++)
		report(j, m, list->doors, &list->at[i]);
	return list ? list->n : 0;
}
