/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/tcp_orphan.h"

/*
 * The peer closed first, then a process here, and the end of that is not acknowledged any more.
 */
static bool silent(const struct tcp_doors *d UNUSED, const struct tcp_socket *s)
{
	return s->state == TCP_STATE_LAST_ACK && tcp_orphan_unanswered(s);
}

static bool keep(const void *row)
{
	return silent(NULL, row);
}

static void tell(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	f->title = judge_text(
		j, "%zu connections wait for the last ACK of %s", z->sockets, z->peer.name);
	f->cause = "the peer closed, a process here closed too, and the end that was sent is not "
		   "acknowledged: the peer's host went down or the path was cut in between, or a "
		   "firewall dropped the connection when it saw the first end; the kernel gives "
		   "up after about 100 s";
	tcp_orphan_advise(j, m, f, z);
}

static const struct tcp_silence_rule rule = {
	.silent = silent,
	TCP_ORPHAN_RULE,
	.tell = tell,
};

static enum verdict judge(const struct model *m, struct judgement *j)
{
	return tcp_silence_judge(m, j, &rule);
}

const struct check check_tcp_last_ack = {
	.id = "tcp.last-ack",
	.question = "Does the last ACK of connections that both sides have closed not come?",
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_netns, .optional = true } },
	.judge = judge,
};
