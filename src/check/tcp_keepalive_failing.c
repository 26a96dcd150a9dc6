/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/tcp_silence.h"
#include "model/tcp_verdict.h"

enum { LEAST = 4, ALONE = 2 };
#define LEAST_WHY "a pool towards one peer: who takes one of them next will wait"
#define ALONE_WHY "one probe may be lost, hardly two; the kernel ends the connection by itself"

/* A client that went away hurts nobody here: keepalive is there to find that out. */
static bool silent(const struct tcp_doors *d, const struct tcp_socket *s)
{
	return tcp_keepalive_unanswered(s) && !tcp_listens(d, s->local_port, s->netns);
}

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_LISTEN || silent(&(struct tcp_doors){ 0 }, s);
}

static size_t tries(const struct tcp_socket *s)
{
	return s->probes;
}

static void tell(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	uint64_t netns = z->first->netns;
	const char *enter = netns_enter(j, netns, netns_pid(m, netns));

	f->title = judge_text(j, "%s does not answer keepalive probes of %zu idle connection%s%s%s",
		z->peer.name, z->sockets, z->sockets == 1 ? "" : "s",
		z->last_ns ? ", not heard for " : "",
		z->last_ns ? human_ns((double)z->last_ns).s : "");
	f->cause = "the peer's host is down, the path is cut, or a firewall has forgotten the idle "
		   "connections and drops what comes of them";
	finding_todo(f, judge_text(j, "does it answer at all:  %sping -c3 -W1 %s", enter,
				table_text(t, z->first->peer)));
	finding_todo(f, judge_text(j,
				"see the probes (timer:(keepalive,NEXT,UNANSWERED)):  %sss "
				"-tnop dst %s",
				enter, table_text(t, z->first->peer)));
	finding_todo(f,
		"if it lives, a firewall or NAT on the way forgets: probe more often than it "
		"forgets (TCP_KEEPIDLE; Azure 4 min, AWS 350 s)");
	finding_todo(f, judge_text(j,
				"let them fail now, so that the pool connects again:  %sss -K "
				"dst %s dport = :%u",
				enter, table_text(t, z->first->peer), z->first->peer_port));
	finding_todo(f, "in the program: TCP_USER_TIMEOUT too, since keepalive does nothing while "
			"data is on its way");
	f->refuted_if = "the peer answers the next probe";
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
	.tries_source = "sock_diag tcpi_probes",
	.tell = tell,
};

static enum verdict judge(const struct model *m, struct judgement *j)
{
	return tcp_silence_judge(m, j, &rule);
}

const struct check check_tcp_keepalive_failing = {
	.id = "tcp.keepalive-failing",
	.question = "Does a peer leave the keepalive probes of idle connections unanswered?",
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
