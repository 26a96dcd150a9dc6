/* SPDX-License-Identifier: MIT */
#include "check/tcp_silence.h"

#include "check/entity.h"
#include "model/tcp.h"

#include <stdlib.h>

enum { SILENCES_MAX = 256 };

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

bool tcp_listens_anywhere(const struct tcp_doors *d, uint32_t port)
{
	return d->n && bsearch(&port, d->at, d->n, sizeof(*d->at), port_compare);
}

struct list {
	const struct model *m;
	const struct tcp_silence_rule *rule;
	struct tcp_doors doors;
	struct tcp_silence at[SILENCES_MAX];
	size_t n;
};

static bool same_way(
	const struct list *list, const struct tcp_silence *z, const struct tcp_socket *s)
{
	return s->netns == z->first->netns && s->peer == z->first->peer &&
	       (list->rule->by_address || s->peer_port == z->first->peer_port);
}

static bool stays(const struct model *m, const struct tcp_socket *s)
{
	const struct tcp_socket *was = tcp_before(m, s);

	return was && was->state == s->state;
}

static bool counts(const struct list *list, const struct tcp_socket *s)
{
	return (s->inode == 0) == list->rule->orphans && list->rule->silent(&list->doors, s) &&
	       (!list->rule->still || stays(list->m, s));
}

/* The row of its peer, a new one, or NULL when all are taken. */
static struct tcp_silence *row_for(struct list *list, const struct tcp_socket *s)
{
	for (size_t i = 0; i < list->n; i++) {
		if (same_way(list, &list->at[i], s))
			return &list->at[i];
	}
	if (list->n == SILENCES_MAX)
		return NULL;
	list->at[list->n] = (struct tcp_silence){ .first = s };
	return &list->at[list->n++];
}

static bool alone(const struct list *list, const struct tcp_silence *z)
{
	return list->rule->alone > 0 && z->tries >= list->rule->alone;
}

static void find(struct list *list, const struct model *m)
{
	size_t kept = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		struct tcp_silence *z = counts(list, s) ? row_for(list, s) : NULL;

		if (!z)
			continue;
		size_t tries = list->rule->tries ? list->rule->tries(s) : 0;

		z->sockets++;
		z->tries = tries > z->tries ? tries : z->tries;
		z->bytes += s->send_queue;
		if (row_has(s->has, TCP_SOCKET_last_ack_ns) && s->last_ack_ns > z->last_ns)
			z->last_ns = s->last_ack_ns;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (list->at[i].sockets >= list->rule->least || alone(list, &list->at[i]))
			list->at[kept++] = list->at[i];
	}
	list->n = kept;
}

/* False: the owners were asked for. */
static bool ask(struct judgement *j, const struct model *m, const struct list *list)
{
	bool known = true;

	for (size_t i = 0; i < list->n && !list->rule->orphans; i++) {
		for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
			if (same_way(list, &list->at[i], s) && counts(list, s))
				known &= judge_ask(j, m, TABLE_socket_owner, s->inode);
		}
	}
	return known;
}

/* Most are of one process: its name is not put together for each. */
static void name_victims(struct judgement *j, const struct model *m, struct finding *f,
	const struct list *list, const struct tcp_silence *z)
{
	uint64_t last = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		const struct socket_owner *owner =
			same_way(list, z, s) && counts(list, s) ? tcp_owner(m, s->inode) : NULL;

		if (!owner || owner->pid == last)
			continue;
		last = owner->pid;
		finding_victim_once(f, entity_process(j, m, owner->pid));
	}
}

static void report(
	struct judgement *j, const struct model *m, const struct list *list, struct tcp_silence *z)
{
	const struct tcp_silence_rule *rule = list->rule;
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	bool many = z->sockets >= rule->least;
	struct finding *f =
		judge_finding(j, many ? rule->severity : rule->alone_severity, CONFIDENCE_LIKELY);

	z->peer = entity_peer(
		j, t, z->first->family, z->first->peer, rule->by_address ? 0 : z->first->peer_port);
	finding_culprit(f, z->peer);
	if (!rule->orphans)
		name_victims(j, m, f, list, z);
	finding_evidence(f, "silent.connections", UNIT_COUNT, reading_of((double)z->sockets),
		"sock_diag", reading_of((double)rule->least), rule->least_why);
	if (rule->tries)
		finding_evidence(f, "silent.tries", UNIT_COUNT, reading_of((double)z->tries),
			rule->tries_source,
			rule->alone ? reading_of((double)rule->alone) : reading_none(STATE_ABSENT),
			rule->alone ? rule->alone_why : NULL);
	if (z->last_ns > 0)
		finding_evidence(f, "silent.last_ack_ns", UNIT_NS, reading_of((double)z->last_ns),
			"sock_diag tcpi_last_ack_recv", reading_none(STATE_ABSENT),
			"since the peer was heard last");
	rule->tell(j, m, f, z);
}

enum verdict tcp_silence_judge(
	const struct model *m, struct judgement *j, const struct tcp_silence_rule *rule)
{
	struct list *list = arena_new(&j->arena, sizeof(*list));

	if (!list)
		return judge_unknown_why(j, STATE_BROKEN, "no memory");
	list->m = m;
	list->rule = rule;
	list->doors = tcp_doors_of(j, m);
	find(list, m);
	if (list->n == 0)
		return VERDICT_FINE;
	if (!ask(j, m, list))
		return VERDICT_ASK;
	for (size_t i = 0; i < list->n; i++)
		report(j, m, list, &list->at[i]);
	return VERDICT_SAD;
}
