/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp.h"

#include <string.h>

/*
 * A connection without data on its way and without keepalive is believed in for ever: when the
 * peer's host loses its power, or a firewall on the way forgets it, nothing here can tell. That is
 * a risk, no proof: in no dump does such a connection look different from a good one.
 */
enum { LEAST = 4 };
#define LEAST_WHY "to one peer: a pool; one or two are somebody's session"
#define SILENT_WHY "net.ipv4.tcp_keepalive_time: with SO_KEEPALIVE the kernel would have asked"

enum { FLOWS_MAX = 64 };

struct unguarded {
	const struct tcp_flow *of[FLOWS_MAX];
	size_t n;
};

/* Both ends on this host end together. */
static bool leads_away(const struct table *t, const struct tcp_flow *f)
{
	const char *peer = table_text(t, f->peer);

	return f->local != f->peer && strncmp(peer, "127.", 4) != 0 && strcmp(peer, "::1") != 0;
}

static void find(const struct model *m, struct unguarded *list)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_flow);

	for (table_each(struct tcp_flow, f, t)) {
		if (row_has(f->has, TCP_FLOW_unguarded) && f->unguarded >= LEAST &&
			leads_away(t, f) && list->n < FLOWS_MAX)
			list->of[list->n++] = f;
	}
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *f,
	const struct tcp_flow *flow, uint64_t pid)
{
	const char *address = table_text(frame_table(m->now, TABLE_tcp_flow), flow->peer);

	finding_todo(f, judge_text(j,
				"see them (no timer; lastsnd, lastrcv, lastack in ms):  "
				"%sss -tinop dst %s dport = :%u",
				netns_enter(j, flow->netns, pid), address, flow->peer_port));
	finding_todo(f, "compare with the other side:  the same there; who is missing there is "
			"half-open here");
	finding_todo(f,
		"in the program: SO_KEEPALIVE with TCP_KEEPIDLE of a minute, TCP_KEEPINTVL, "
		"TCP_KEEPCNT, and TCP_USER_TIMEOUT for when data is on its way");
	finding_todo(f,
		"in the program: a heartbeat of its own protocol, or a greatest age of idle "
		"connections in the pool");
	finding_todo(f,
		"many have a setting: tcp_keepalives_idle (PostgreSQL), tcp-keepalive (Redis), "
		"keepAlive in a JDBC URL; net.ipv4.tcp_keepalive_time alone switches it on for "
		"nobody");
}

static void report(struct judgement *j, const struct model *m, const struct tcp_flow *flow)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_flow);
	const struct netns_setting *set =
		table_find(frame_table(m->now, TABLE_netns_setting), flow->netns);
	const struct socket_owner *owner = tcp_owner(m, flow->unguarded_inode);
	uint64_t pid = owner ? owner->pid : 0;
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_POSSIBLE);
	struct entity peer = entity_peer(j, t, flow->family, flow->peer, flow->peer_port);

	if (pid)
		finding_culprit(f, entity_process(j, m, pid));
	finding_culprit(f, peer);
	finding_evidence(f, "tcp_flow.unguarded", UNIT_COUNT, reading_of((double)flow->unguarded),
		"sock_diag: no timer, nothing unacknowledged", reading_of(LEAST), LEAST_WHY);
	finding_evidence(f, "tcp_flow.silent_ns", UNIT_NS, reading_of((double)flow->silent_ns),
		"sock_diag tcpi_last_data_sent, _data_recv, _ack_recv",
		set && row_has(set->has, NETNS_SETTING_keepalive_ns)
			? reading_of((double)set->keepalive_ns)
			: reading_none(STATE_ABSENT),
		SILENT_WHY);
	finding_evidence(f, "tcp_flow.established", UNIT_COUNT,
		reading_of((double)flow->established), "sock_diag", reading_none(STATE_ABSENT),
		"all connections to that peer and port");
	f->title = judge_text(j,
		"%llu connections of %s to %s may be half-open: silent for %s, no keepalive",
		(unsigned long long)flow->unguarded, pid ? process_label(j, m, pid) : "a process",
		peer.name, human_ns((double)flow->silent_ns).s);
	f->cause =
		"nothing was sent or heard for so long that the peer may have restarted, or a "
		"firewall on the way have forgotten them, and nothing would tell: what is written "
		"first is lost, and its writer gets a reset at best, or waits for a quarter of an "
		"hour";
	add_todo(j, m, f, flow, pid);
	f->refuted_if = "the peer has the same connections, or an answer comes on one of them";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct unguarded list = { .n = 0 };
	bool known = true;

	find(m, &list);
	for (size_t i = 0; i < list.n; i++)
		known &= judge_ask(j, m, TABLE_socket_owner, list.of[i]->unguarded_inode);
	if (!known)
		return VERDICT_ASK;
	for (size_t i = 0; i < list.n; i++)
		report(j, m, list.of[i]);
	return list.n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_tcp_half_open = {
	.id = "tcp.half-open",
	.question = "Would nobody notice if the peer of idle connections were gone?",
	.needs = { { .table = TABLE_tcp_flow }, { .table = TABLE_netns_setting, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
