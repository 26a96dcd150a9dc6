/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/tcp_silence.h"
#include "model/tcp_verdict.h"

enum { LEAST = 4, ALONE = 6 };
#define LEAST_WHY "one or two may be on their way to a host that goes and comes back"
#define ALONE_WHY \
	"12 s without an ACK at the least: no reboot of a router, no roaming takes so long"

/*
 * A client that went away hurts nobody here: only connections that this host opened count. Orphans
 * are another check's, and so is a peer that gets all but large segments (net.path-mtu).
 */
static bool silent(const struct tcp_doors *d, const struct tcp_socket *s)
{
	return tcp_unanswered(s) && !tcp_listens(d, s->local_port, s->netns) &&
	       !(tcp_stuck(s) && tcp_small_pass(s));
}

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_LISTEN || silent(&(struct tcp_doors){ 0 }, s);
}

static size_t tries(const struct tcp_socket *s)
{
	return s->retransmits;
}

static void tell(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	uint64_t netns = z->first->netns;
	const char *enter = netns_enter(j, netns, netns_pid(m, netns));

	finding_evidence(f, "tcp_socket.send_queue", UNIT_BYTES, reading_of((double)z->bytes),
		"sock_diag Send-Q", reading_none(STATE_ABSENT),
		"sent or to be sent, unacknowledged");
	f->title = judge_text(j, "%s is gone: %zu connection%s, %s not acknowledged", z->peer.name,
		z->sockets, z->sockets == 1 ? "" : "s", human_bytes((double)z->bytes).s);
	f->cause = "the peer's host is down or the path to it is cut, while connections were open; "
		   "TCP goes on trying for a quarter of an hour (net.ipv4.tcp_retries2 = 15), and "
		   "who waits for an answer waits as long";
	finding_todo(f, judge_text(j,
				"does it answer at all (if so, large segments may not pass: murphy "
				"explain net.path-mtu):  %sping -c3 -W1 %s",
				enter, table_text(t, z->first->peer)));
	finding_todo(f, judge_text(j, "which way it goes:  %sip route get %s", enter,
				table_text(t, z->first->peer)));
	finding_todo(f, judge_text(j,
				"see how long each has tried (timer:(on,...)):  %sss -tnop "
				"dst %s",
				enter, table_text(t, z->first->peer)));
	finding_todo(f, "in the program: TCP_USER_TIMEOUT of some seconds (it ends what is not "
			"acknowledged), a time-out for each answer, and another server to go to; "
			"keepalive does not help while data is on its way");
	finding_todo(f, judge_text(j,
				"let them fail now, so that the program connects again:  "
				"%sss -K dst %s dport = :%u",
				enter, table_text(t, z->first->peer), z->first->peer_port));
	f->refuted_if = "their bytes_acked grows";
}

static const struct tcp_silence_rule rule = {
	.silent = silent,
	.tries = tries,
	.least = LEAST,
	.alone = ALONE,
	.least_why = LEAST_WHY,
	.alone_why = ALONE_WHY,
	.severity = SEVERITY_WARNING,
	.alone_severity = SEVERITY_WARNING,
	.tries_source = "sock_diag tcpi_retransmits",
	.tell = tell,
};

static enum verdict judge(const struct model *m, struct judgement *j)
{
	return tcp_silence_judge(m, j, &rule);
}

const struct check check_tcp_peer_gone = {
	.id = "tcp.peer-gone",
	.question = "Is a peer gone to which data was sent that nobody acknowledges?",
	.explains = { "tcp.retrans" },
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
