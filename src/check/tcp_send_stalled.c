/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/tcp.h"
#include "model/tcp_stall.h"
#include "model/tcp_verdict.h"

#include <string.h>

enum { FLOWS_MAX = 256, GROUPS_MAX = 16 };
#define STILL_WHY "links are shaped to less than a packet in that time, but seldom on purpose"
#define TRIES_WHY "in a row that did not leave this host, over 6 s"

struct flow {
	const struct tcp_socket *socket;
	enum tcp_stall kind;
	uint64_t pid; /* 0: unknown */
	bool told;
};

struct flows {
	struct flow of[FLOWS_MAX];
	size_t n;
};

/* Flows of one cause. */
struct group {
	const struct tcp_socket *first;
	enum tcp_stall kind;
	size_t sockets;
	uint64_t pid, waiting_bytes, queued_bytes, still_ns, tries, sent_again;
	const struct link *link;   /* whose queue stands; NULL: not known */
	const struct qdisc *qdisc; /* of it; NULL: nothing waits in one */
};

static bool keep(const void *row)
{
	return tcp_stall_of(row) != TCP_STALL_NONE;
}

static void find(const struct model *m, struct flows *list)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		enum tcp_stall kind = tcp_stall_of(s);

		if (kind != TCP_STALL_NONE && list->n < FLOWS_MAX)
			list->of[list->n++] = (struct flow){ .socket = s, .kind = kind };
	}
}

static bool ask(const struct model *m, struct judgement *j, struct flows *list)
{
	bool known = true;

	for (size_t i = 0; i < list->n; i++)
		known &= judge_ask(j, m, TABLE_socket_owner, list->of[i].socket->inode);
	for (size_t i = 0; i < list->n && known; i++) {
		const struct socket_owner *o = tcp_owner(m, list->of[i].socket->inode);

		list->of[i].pid = o ? o->pid : 0;
	}
	return known;
}

/* The program that sets a pace, the peer that a rule is about, the namespace's interface. */
static bool same_cause(const struct flow *a, const struct flow *b)
{
	if (a->kind != b->kind || a->socket->netns != b->socket->netns)
		return false;
	if (a->kind == TCP_STALL_PACED)
		return a->pid ? a->pid == b->pid : a == b;
	return a->kind == TCP_STALL_QUEUE || a->socket->peer == b->socket->peer;
}

/*
 * The interface in whose queue most waits, where nothing was sent from it during the look. A card
 * with several queues has one each below its root (mq), of which one may stand. Rows are in the
 * order of their parents, with the root's last: of equals that one.
 */
static void find_queue(const struct model *m, struct group *g)
{
	for (table_each(struct qdisc, q, frame_table(m->now, TABLE_qdisc))) {
		struct reading sent = model_delta(m, TABLE_qdisc, q, QDISC_packets);

		if (!reading_ok(sent) || sent.value > 0 || q->netns != g->first->netns ||
			q->backlog_packets == 0 ||
			(g->qdisc && g->qdisc->backlog_bytes > q->backlog_bytes))
			continue;
		g->qdisc = q;
	}
	for (table_each(struct link, l, frame_table(m->now, TABLE_link))) {
		if (g->qdisc && l->netns == g->first->netns && l->index == g->qdisc->index)
			g->link = l;
	}
}

static struct group fold(const struct model *m, struct flows *list, size_t first)
{
	struct group g = { .first = list->of[first].socket, .kind = list->of[first].kind };

	for (size_t i = first; i < list->n; i++) {
		struct flow *f = &list->of[i];
		const struct tcp_socket *s = f->socket;

		if (f->told || !same_cause(&list->of[first], f))
			continue;
		f->told = true;
		g.sockets++;
		g.waiting_bytes += s->send_queue;
		g.queued_bytes += s->queued_bytes;
		g.pid = g.pid ? g.pid : f->pid;
		g.still_ns = s->last_sent_ns > g.still_ns ? s->last_sent_ns : g.still_ns;
		uint64_t tries = g.kind == TCP_STALL_REFUSED ? s->probes : s->retransmits;

		g.tries = tries > g.tries ? tries : g.tries;
		g.sent_again += s->total_retransmits;
	}
	if (g.kind == TCP_STALL_QUEUE)
		find_queue(m, &g);
	return g;
}

static void add_queue_evidence(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *g)
{
	finding_evidence(f, "tcp_socket.queued_bytes", UNIT_BYTES,
		reading_of((double)g->queued_bytes), "sock_diag SK_MEMINFO_WMEM_ALLOC",
		reading_of(0),
		"handed down by TCP, and still in this host: all that is unacknowledged");
	finding_evidence(f, "tcp_socket.retransmits", UNIT_COUNT, reading_of((double)g->tries),
		"sock_diag tcpi_retransmits", reading_none(STATE_ABSENT),
		"times that its timer fired; a copy is not sent while the first one waits here");
	finding_evidence(f, "tcp_socket.total_retransmits", UNIT_COUNT,
		reading_of((double)g->sent_again), "sock_diag tcpi_total_retrans",
		reading_none(STATE_ABSENT), "segments that were sent again, in their whole life");
	if (!g->qdisc)
		return;
	const struct table *t = frame_table(m->now, TABLE_qdisc);
	const char *source = judge_text(j, "rtnetlink qdisc %s%s%s", table_text(t, g->qdisc->kind),
		g->link ? " of " : "", g->link ? entity_interface(j, m, g->link).name : "");

	finding_evidence(f, "qdisc.backlog_packets", UNIT_COUNT,
		reading_of((double)g->qdisc->backlog_packets), source, reading_of(0),
		"wait there, and not one left during the look");
}

static void add_evidence(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *g)
{
	finding_evidence(f, "tcp_socket.send_queue", UNIT_BYTES,
		reading_of((double)g->waiting_bytes), "sock_diag Send-Q",
		reading_none(STATE_ABSENT), "written, and not acknowledged");
	if (g->kind == TCP_STALL_REFUSED)
		finding_evidence(f, "tcp_socket.probes", UNIT_COUNT, reading_of((double)g->tries),
			"sock_diag tcpi_probes", reading_of(TCP_STALL_TRIES), TRIES_WHY);
	else
		finding_evidence(f, "tcp_socket.last_sent_ns", UNIT_NS,
			reading_of((double)g->still_ns), "sock_diag tcpi_last_data_sent",
			reading_of((double)TCP_STALL_NS), STILL_WHY);
	if (g->kind == TCP_STALL_QUEUE)
		add_queue_evidence(j, m, f, g);
	else
		finding_evidence(f, "tcp_socket.send_window_bytes", UNIT_BYTES,
			reading_of((double)g->first->send_window_bytes), "sock_diag tcpi_snd_wnd",
			reading_none(STATE_ABSENT),
			"the peer would take that much, and nothing is "
			"on its way to it");
}

/* What Linux gives to interfaces by itself: it holds nothing back. */
static bool shapes(const char *kind)
{
	static const char *const plain[] = { "mq", "mqprio", "pfifo_fast", "pfifo", "bfifo",
		"pfifo_head_drop", "fq", "fq_codel", "fq_pie", "codel", "pie", "sfq", "noqueue" };

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (strcmp(kind, plain[i]) == 0)
			return false;
	}
	return true;
}

static const char *queue_cause(struct judgement *j, const char *kind)
{
	if (!kind)
		return "what TCP sent is still in this host, and no queue of its interfaces stands "
		       "still: a driver or card has stopped one of its own, or this flow alone "
		       "waits in a queue that others pass (a class without a rate; fq, and a pace "
		       "that the program has set); peer and path are not to blame";
	if (strcmp(kind, "fq") == 0)
		return "its queue (fq) stands still: the only flows in it wait for a pace that "
		       "their program has set (SO_MAX_PACING_RATE, in bytes a second), or, where "
		       "they have none, the driver or the card has stopped; peer and path are not "
		       "to blame";
	if (!shapes(kind))
		return judge_text(j,
			"its queue (%s) stands still, and that kind holds nothing back by itself: "
			"the driver or the card has stopped, or the hypervisor behind it; peer and "
			"path are not to blame",
			kind);
	return judge_text(j,
		"its queue (%s) lets nothing go: a rate of nearly nothing, or a class without one; "
		"peer and path are not to blame, and TCP does not send again what is still here",
		kind);
}

static void tell_queue(struct judgement *j, const struct model *m, struct finding *f,
	const struct group *g, const char *enter)
{
	const char *name = g->link ? entity_interface(j, m, g->link).name : NULL;
	const char *dev = name ? judge_text(j, " dev %s", shell_word(j, name)) : "";
	const char *kind =
		g->qdisc ? table_text(frame_table(m->now, TABLE_qdisc), g->qdisc->kind) : NULL;

	f->title = judge_text(j, "%s of %zu connection%s cannot leave %s",
		human_bytes((double)g->waiting_bytes).s, g->sockets, g->sockets == 1 ? "" : "s",
		name ? name : "this host");
	f->cause = queue_cause(j, kind);
	finding_todo(f, judge_text(j,
				"what waits where (backlog), and what it is shaped to:  %stc -s "
				"qdisc show%s; %stc -s class show%s",
				enter, dev, enter, name ? dev : " dev eth0"));
	finding_todo(
		f, judge_text(j,
			   "what the driver says (NETDEV WATCHDOG, resets):  dmesg | grep -i -e "
			   "watchdog -e 'tx timeout' -e %s",
			   name ? shell_word(j, name) : "eth0"));
	if (kind && name && shapes(kind))
		finding_todo(
			f, judge_text(j,
				   "if that shaping is a mistake, go back to the default; what "
				   "waits is lost, and sent again:  %stc qdisc del%s root",
				   enter, dev));
	finding_todo(f, "in the program: TCP_USER_TIMEOUT of some seconds ends what is not "
			"acknowledged; otherwise it waits for a quarter of an hour");
	f->refuted_if = "the packets sent by that queue grow (tc -s qdisc), or bytes_acked does";
}

static void tell_paced(struct judgement *j, const struct model *m, struct finding *f,
	const struct group *g, const char *enter)
{
	const char *who = g->pid ? process_label(j, m, g->pid) : "a process";

	f->title = judge_text(j, "%s of %s wait for its own pace, on %zu connection%s",
		human_bytes((double)g->waiting_bytes).s, who, g->sockets,
		g->sockets == 1 ? "" : "s");
	f->cause =
		"nothing is on its way, the windows are open, nothing was lost, and the timer is "
		"not one of a shut window: what is left is a pacing rate (SO_MAX_PACING_RATE) "
		"of a few bytes a second; it is in bytes, not in bits or kilobytes, a second";
	finding_todo(
		f, judge_text(j,
			   "see it (pacing_rate NOW/MOST, timer:(persist,...)):  %sss -tino dst "
			   "%s dport = :%u",
			   enter, table_text(frame_table(m->now, TABLE_tcp_socket), g->first->peer),
			   g->first->peer_port));
	if (g->pid)
		finding_todo(
			f, judge_text(j,
				   "see whether it sets it again:  strace -fp %llu -e setsockopt",
				   (unsigned long long)g->pid));
	finding_todo(f,
		"in the program: SO_MAX_PACING_RATE in bytes a second, 2^32 - 1 for none; look "
		"for where a rate is computed (a division, a unit, an unset option)");
	f->refuted_if = "bytes_acked of these connections grows by more than a segment a second";
}

static void tell_refused(struct judgement *j, const struct model *m, struct finding *f,
	const struct group *g, const char *enter)
{
	const char *peer = table_text(frame_table(m->now, TABLE_tcp_socket), g->first->peer);

	f->title = judge_text(j, "this host does not let %s go to %s, on %zu connection%s",
		human_bytes((double)g->waiting_bytes).s, peer, g->sockets,
		g->sockets == 1 ? "" : "s");
	f->cause = "TCP tries to send, and its own host refuses: there is no route any more, or a "
		   "rule of its firewall (OUTPUT) or IPsec policy drops it; the peer has not seen "
		   "any of it, and its window is open";
	finding_todo(f, judge_text(j, "which way it goes:  %sip route get %s", enter, peer));
	finding_todo(
		f, judge_text(j,
			   "which rule drops it (counters):  %snft list ruleset; %siptables -nvL "
			   "OUTPUT",
			   enter, enter));
	finding_todo(f, judge_text(j, "what IPsec wants:  %sip xfrm policy", enter));
	finding_todo(f, judge_text(j, "which changed last:  %sip monitor route", enter));
	finding_todo(f, "in the program: TCP_USER_TIMEOUT of some seconds, for it is told nothing");
	f->refuted_if = "what it sends is seen to leave (tcpdump on the interface)";
}

/* What is to blame comes first; who waits are victims. */
static void name_ends(struct judgement *j, const struct model *m, struct finding *f,
	const struct flows *list, const struct flow *first, const struct group *g)
{
	if (g->kind == TCP_STALL_PACED)
		finding_culprit(
			f, g->pid ? entity_process(j, m, g->pid)
				  : entity_connection(
					    j, frame_table(m->now, TABLE_tcp_socket), g->first, 0));
	else
		finding_culprit(f, g->link ? entity_interface(j, m, g->link) : entity_host());
	for (size_t i = 0; i < list->n && g->kind != TCP_STALL_PACED; i++) {
		if (list->of[i].pid && same_cause(first, &list->of[i]))
			finding_victim_once(f, entity_process(j, m, list->of[i].pid));
	}
}

static void report(struct judgement *j, const struct model *m, struct flows *list, size_t first)
{
	struct group g = fold(m, list, first);
	struct finding *f = judge_finding(
		j, SEVERITY_WARNING, g.qdisc ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
	const char *enter =
		netns_enter(j, g.first->netns, g.pid ? g.pid : netns_pid(m, g.first->netns));

	name_ends(j, m, f, list, &list->of[first], &g);
	add_evidence(j, m, f, &g);
	if (g.kind == TCP_STALL_QUEUE)
		tell_queue(j, m, f, &g, enter);
	else if (g.kind == TCP_STALL_PACED)
		tell_paced(j, m, f, &g, enter);
	else
		tell_refused(j, m, f, &g, enter);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct flows *list = arena_new(&j->arena, sizeof(*list));

	if (!list)
		return judge_unknown_why(j, STATE_BROKEN, "no memory");
	find(m, list);
	if (!ask(m, j, list))
		return VERDICT_ASK;
	for (size_t i = 0, groups = 0; i < list->n && groups < GROUPS_MAX; i++) {
		if (list->of[i].told)
			continue;
		report(j, m, list, i);
		groups++;
	}
	return list->n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_tcp_send_stalled = {
	.id = "tcp.send-stalled",
	.question = "Does data stay in this host, though its peer and the path would take it?",
	.explains = { "tcp.retrans" },
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_qdisc, .rate = true, .optional = true },
		{ .table = TABLE_link, .optional = true },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
