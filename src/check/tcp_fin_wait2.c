/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/tcp_silence.h"
#include "model/tcp_verdict.h"

/*
 * This side has closed, the peer knows, and does not close. Who only shut his sending side down
 * (shutdown()) waits for ever; what a process has closed for good the kernel drops after
 * net.ipv4.tcp_fin_timeout, 60 s.
 */
enum { HELD_LEAST = 10, ORPHANS_LEAST = 10 };
#define HELD_WHY "of one peer; each holds a descriptor here, and has been silent for a minute"
#define ORPHANS_WHY "of one address, in both frames; a peer that closes does so in milliseconds"

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_FIN_WAIT2;
}

/* Where both ends are here tcp.close-wait tells of the other, and of who does not close. */
static bool waits(const struct tcp_doors *d UNUSED, const struct tcp_socket *s)
{
	return s->state == TCP_STATE_FIN_WAIT2 && s->local != s->peer;
}

static bool forgotten(const struct tcp_doors *d, const struct tcp_socket *s)
{
	return waits(d, s) && row_has(s->has, TCP_SOCKET_last_ack_ns) &&
	       s->last_ack_ns >= TCP_FORGOTTEN_NS;
}

static void look_at_peer(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	const char *address = table_text(frame_table(m->now, TABLE_tcp_socket), z->first->peer);
	uint64_t netns = z->first->netns;

	finding_todo(f, judge_text(j,
				"see them (timer:(timewait,LEFT)):  %sss -tano state fin-wait-2 "
				"dst %s",
				netns_enter(j, netns, netns_pid(m, netns)), address));
	finding_todo(f, judge_text(j,
				"on %s:  ss -tnp state close-wait (murphy there says "
				"tcp.close-wait): its process has not closed",
				address));
}

static void tell_held(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	f->title =
		judge_text(j, "%s does not close %zu connections that were shut down here, %s ago",
			z->peer.name, z->sockets, human_ns((double)z->last_ns).s);
	f->cause =
		"a process here has shut its sending side down and waits for the peer's end; the "
		"peer acknowledged that and never closed: its program leaks, or its host is gone";
	look_at_peer(j, m, f, z);
	finding_todo(f,
		"in the program: after shutdown(SHUT_WR) read with a time-out, then close(): "
		"the kernel ends what is closed by itself, what is shut down never");
	f->refuted_if = "the peers close, or the program waits for a long answer after it has said "
			"that it has no more to ask";
}

static void tell_orphans(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_silence *z)
{
	f->title = judge_text(j, "%s does not close %zu connections that were closed here",
		z->peer.name, z->sockets);
	f->cause =
		"the peer has acknowledged the end and does not close its side: its program leaks "
		"connections in CLOSE_WAIT; here the kernel drops them after a minute";
	look_at_peer(j, m, f, z);
	finding_todo(f, "nothing here: net.ipv4.tcp_fin_timeout ends them; a peer that then closes "
			"gets a reset");
	f->refuted_if = "the peer is gone, or closes late on purpose";
}

static const struct tcp_silence_rule rules[] = {
	{ .silent = forgotten,
		.least = HELD_LEAST,
		.least_why = HELD_WHY,
		.severity = SEVERITY_WARNING,
		.by_address = true,
		.tell = tell_held },
	{ .silent = waits,
		.least = ORPHANS_LEAST,
		.least_why = ORPHANS_WHY,
		.severity = SEVERITY_INFO,
		.by_address = true,
		.still = true,
		.orphans = true,
		.tell = tell_orphans },
};

static enum verdict judge(const struct model *m, struct judgement *j)
{
	enum verdict first = tcp_silence_judge(m, j, &rules[0]);
	enum verdict second =
		first == VERDICT_ASK ? VERDICT_FINE : tcp_silence_judge(m, j, &rules[1]);

	return first == VERDICT_FINE ? second : first;
}

const struct check check_tcp_fin_wait2 = {
	.id = "tcp.fin-wait2",
	.question = "Does a peer not close connections that were closed here?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
