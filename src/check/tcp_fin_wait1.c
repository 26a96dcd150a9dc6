/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/tcp_orphan.h"

/*
 * A process closed, and what it had written last, or only the end, is not acknowledged. The kernel
 * goes on for it: 8 times, 100 s (net.ipv4.tcp_orphan_retries = 0 means 8).
 */
static bool silent(const struct tcp_doors *d UNUSED, const struct tcp_socket *s)
{
	return (s->state == TCP_STATE_FIN_WAIT1 || s->state == TCP_STATE_CLOSING) &&
	       tcp_orphan_unanswered(s);
}

static bool keep(const void *row)
{
	return silent(NULL, row);
}

static void tell(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	f->title = judge_text(j, "%zu closed connections to %s cannot end: %s not acknowledged",
		z->sockets, z->peer.name, human_bytes((double)z->bytes).s);
	f->cause =
		"a process closed them and went on; the peer's host is down or the path is cut, "
		"or the peer lives and takes no more (its window is shut): the kernel keeps what "
		"was written, tries again for about 100 s and gives up; what was written is lost";
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

const struct check check_tcp_fin_wait1 = {
	.id = "tcp.fin-wait1",
	.question = "Does a peer not acknowledge the end of connections that are closed here?",
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_netns, .optional = true } },
	.judge = judge,
};
