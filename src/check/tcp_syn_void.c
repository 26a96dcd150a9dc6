/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/tcp_silence.h"
#include "model/tcp_verdict.h"

/* A browser's or a probe's single try is no news, a pool's is. */
enum { LEAST = 4, ALONE = 6 };
#define LEAST_WHY "one or two may be probes, or tries of several addresses"
#define ALONE_WHY "without a time-out of its own it waits for two minutes"

/* When the listener that would have to answer is here, that is the matter. */
static bool silent(const struct tcp_doors *d, const struct tcp_socket *s)
{
	return tcp_syn_unanswered(s) &&
	       (s->local != s->peer || !tcp_listens_anywhere(d, s->peer_port));
}

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_LISTEN || s->state == TCP_STATE_SYN_SENT;
}

static size_t tries(const struct tcp_socket *s)
{
	return s->timer_retransmits;
}

static void tell(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	uint64_t netns = z->first->netns;
	const char *enter = netns_enter(j, netns, netns_pid(m, netns));

	f->title = judge_text(j, "%s does not answer %zu connection%s: %s lost or dropped",
		z->peer.name, z->sockets, z->sockets == 1 ? "" : "s",
		z->sockets == 1 ? "its SYN is" : "their SYNs are");
	f->cause = "the host is down, a firewall drops instead of refusing, or the route leads "
		   "nowhere; a port that is only closed would refuse at once";
	finding_todo(f, judge_text(j, "does it answer at all:  %sping -c3 -W1 %s", enter,
				table_text(t, z->first->peer)));
	finding_todo(f, judge_text(j, "which way it goes:  %sip route get %s", enter,
				table_text(t, z->first->peer)));
	finding_todo(f, judge_text(j,
				"does anything come back:  %stcpdump -ni any 'host %s and "
				"(tcp port %u or icmp or icmp6)'",
				enter, table_text(t, z->first->peer), z->first->peer_port));
	finding_todo(f, "in the program: a time-out for connecting of a second or two, and another "
			"server to go to");
	finding_todo(f, "on the firewall: reject inside, so that mistakes are told at once");
	f->refuted_if = "the connections open";
}

static const struct tcp_silence_rule rule = {
	.silent = silent,
	.tries = tries,
	.least = LEAST,
	.alone = ALONE,
	.least_why = LEAST_WHY,
	.alone_why = ALONE_WHY,
	.severity = SEVERITY_WARNING,
	.alone_severity = SEVERITY_INFO,
	.tries_source = "sock_diag idiag_retrans",
	.tell = tell,
};

static enum verdict judge(const struct model *m, struct judgement *j)
{
	return tcp_silence_judge(m, j, &rule);
}

const struct check check_tcp_syn_void = {
	.id = "tcp.syn-void",
	.question = "Does a process connect to a peer that does not answer?",
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
