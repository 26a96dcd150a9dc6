/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp.h"

/*
 * connect() needs a local port of its own towards each address and port of a peer
 * (net/ipv4/inet_hashtables.c, __inet_hash_connect()). It tries those of one parity first: from
 * half the range on it searches longer and longer.
 */
#define INFO_RATIO 0.5
#define NEAR_RATIO 0.9
#define FULL_RATIO 0.99
#define FULL_WHY "without a free one connect() fails: EADDRNOTAVAIL"
/* Of the kernel: 32768 to 60999. A smaller range was somebody's decision. */
#define PORTS_DEFAULT 28232
#define NEAR_WHY "what is left goes in one burst, and each connect() has to search for it"
#define INFO_WHY "connect() tries every other port first: from half on it searches longer"

enum { FLOWS_MAX = 64 };

struct flow {
	const struct tcp_flow *row;
	struct port_use use;
	double ratio;
};

static size_t find(const struct model *m, struct flow *list)
{
	size_t n = 0;

	for (table_each(struct tcp_flow, row, frame_table(m->now, TABLE_tcp_flow))) {
		struct flow f = { .row = row, .use = tcp_ports(m, row) };

		if (f.use.total == 0)
			continue;
		f.ratio = (double)f.use.used / (double)f.use.total;
		if (f.ratio >= INFO_RATIO && n < FLOWS_MAX)
			list[n++] = f;
	}
	return n;
}

static void add_evidence(
	struct judgement *j, const struct model *m, struct finding *out, const struct flow *f)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_flow);
	const struct netns_setting *set =
		table_find(frame_table(m->now, TABLE_netns_setting), f->row->netns);
	double limit = f->ratio >= FULL_RATIO   ? FULL_RATIO
		       : f->ratio >= NEAR_RATIO ? NEAR_RATIO
						: INFO_RATIO;

	finding_evidence(out, "ports.used_ratio", UNIT_RATIO, reading_of(f->ratio),
		judge_text(j, "sock_diag, %s",
			netns_source(j, f->row->netns, "/proc/sys/net/ipv4/ip_local_port_range")),
		reading_of(limit),
		f->ratio >= FULL_RATIO   ? FULL_WHY
		: f->ratio >= NEAR_RATIO ? NEAR_WHY
					 : INFO_WHY);
	finding_evidence(out, "tcp_flow.established", UNIT_COUNT,
		table_cell(t, f->row, TCP_FLOW_established), "sock_diag",
		reading_none(STATE_ABSENT), NULL);
	finding_evidence(out, "tcp_flow.time_wait", UNIT_COUNT,
		table_cell(t, f->row, TCP_FLOW_time_wait), "sock_diag", reading_none(STATE_ABSENT),
		f->use.reuses ? "not counted: net.ipv4.tcp_tw_reuse lets connect() have them again"
			      : "each holds its port for 60 s after the end");
	if (f->row->other > 0)
		finding_evidence(out, "tcp_flow.other", UNIT_COUNT,
			table_cell(t, f->row, TCP_FLOW_other), "sock_diag",
			reading_none(STATE_ABSENT), "being opened, or half closed");
	finding_evidence_text(out, "ports.range",
		judge_text(j, "%llu to %llu, %llu of them reserved",
			(unsigned long long)set->port_low, (unsigned long long)set->port_high,
			(unsigned long long)set->ports_reserved),
		"/proc/sys/net/ipv4/ip_local_port_range, ip_local_reserved_ports");
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *out,
	const struct flow *f, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_flow);
	const char *enter = netns_enter(j, f->row->netns, pid ? pid : netns_pid(m, f->row->netns));
	bool six = f->row->family == 10;

	finding_todo(out, judge_text(j,
				  "count them by state:  %sss -tanH dst '%s%s%s:%u' | cut -c1-10 | "
				  "sort | uniq -c",
				  enter, six ? "[" : "", table_text(t, f->row->peer),
				  six ? "]" : "", f->row->peer_port));
	if (f->row->time_wait > f->row->established && !f->use.reuses)
		finding_todo(out,
			judge_text(j,
				"at once, for outgoing connections only, needs timestamps at both "
				"ends:  %ssysctl -w net.ipv4.tcp_tw_reuse=1",
				enter));
	if (f->row->time_wait > f->row->established)
		finding_todo(out, "in the program: keep connections open and use them again (a "
				  "pool, HTTP keep-alive); each short one costs a port for 60 s");
	else
		finding_todo(out, "in the program: a pool with a limit, and close what is no "
				  "longer used: they are open all at the same time");
	if (f->use.total < 45999)
		finding_todo(
			out, judge_text(j,
				     "more ports, if nothing listens in the new part (%sss -ltn):  "
				     "%ssysctl -w net.ipv4.ip_local_port_range='15000 60999'",
				     enter, enter));
	finding_todo(out, "more addresses: the limit is for each pair of a local address and a "
			  "peer's address and port");
}

static void report(struct judgement *j, const struct model *m, const struct flow *f)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_flow);
	const struct socket_owner *owner = tcp_owner(m, f->row->inode);
	uint64_t pid = owner ? owner->pid : 0;
	struct entity peer = entity_peer(j, t, f->row->family, f->row->peer, f->row->peer_port);
	struct finding *out = judge_finding(j,
		f->ratio >= FULL_RATIO   ? SEVERITY_CRITICAL
		: f->ratio >= NEAR_RATIO ? SEVERITY_WARNING
					 : SEVERITY_INFO,
		CONFIDENCE_CERTAIN);

	add_evidence(j, m, out, f);
	if (pid)
		finding_culprit(out, entity_process(j, m, pid));
	finding_culprit(out, peer);
	if (pid)
		finding_victim(out, entity_process(j, m, pid));
	out->share = f->ratio > 1 ? 1 : f->ratio;
	out->title = judge_text(j, "%s of %s local ports towards %s are taken%s%s",
		human_number((double)f->use.used).s, human_number((double)f->use.total).s,
		peer.name, pid ? ", by " : "", pid ? process_label(j, m, pid) : "");
	out->cause = judge_text(j,
		"%stwo connections to one address and port must differ in the local port, and %s; "
		"%s",
		f->use.total < PORTS_DEFAULT / 2
			? "the range of local ports was made small (the kernel's has 28232); "
			: "",
		f->row->time_wait > f->row->established && !f->use.reuses
			? "most ports rest in TIME_WAIT: many short connections, one after the "
			  "other"
			: "most are held by connections that are open now",
		f->ratio >= FULL_RATIO ? "connect() to it fails with EADDRNOTAVAIL"
				       : "when the last one is taken connect() fails with "
					 "EADDRNOTAVAIL");
	add_todo(j, m, out, f, pid);
	out->refuted_if = "the program binds its sockets itself, to addresses of their own or with "
			  "SO_REUSEADDR, and connects without errors";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct flow list[FLOWS_MAX];
	size_t n = find(m, list);
	bool known = true;

	for (size_t i = 0; i < n; i++) {
		if (list[i].row->inode)
			known &= judge_ask(j, m, TABLE_socket_owner, list[i].row->inode);
	}
	if (!known)
		return VERDICT_ASK;
	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i]);
	return n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_tcp_ports = {
	.id = "tcp.ports",
	.question = "Do the local ports towards one peer run out?",
	.needs = { { .table = TABLE_tcp_flow }, { .table = TABLE_netns_setting },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
