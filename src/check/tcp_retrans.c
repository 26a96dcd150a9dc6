/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/tcp_retrans_cap.h"
#include "check/tcp_silence.h"
#include "model/process.h"
#include "model/tcp.h"

/*
 * RetransSegs counts all that was sent again: data, SYNs (TCPSynRetrans), and
 * probes that ask whether something was lost at all. Answers to scanners that
 * never reply are in it too, so SYNs count apart. Kernels before 3.15 do not
 * count them: then all may be SYNs but what sockets of connections tell of.
 */
#define SHARE_TOLD 0.02
#define SHARE_SAD 0.05
#define SHARE_CRITICAL 0.2
#define SAD_WHY                                                                    \
	"Cubic and Reno fall below 6 segments a round trip at 5 %; healthy paths " \
	"lose under 2 %"
#define TOLD_WHY "healthy paths lose under 2 %"
/* Fewer are a coin's tosses, not a share. */
enum { AGAIN_MIN = 20 };
/* Half of what was sent again had arrived the first time: delay or reordering,
 * no loss. */
#define SPURIOUS_RATIO 0.5
/* Four fifths of the loss on one peer, and next to none elsewhere. */
#define ONE_PEER_RATIO 0.8
enum { ELSEWHERE_MIN = 200 };
/* Four fifths of two seconds' retransmits are enough to tell who suffers. */
enum { PEERS_MAX = 64, CLIENTS_MAX = 32, OWNERS_MAX = 24 };

/* A connection not heard of for so long does not lose anything now. */
static const uint64_t RECENT_NS = UINT64_C(30000000000);

struct peer {
	text_t address;
	uint32_t family;
	bool client;            /* of ours: it opened one of the connections */
	double again, segments; /* during the look */
};

struct loss {
	const struct snmp *row;
	const struct tcp_doors *doors;
	double out, again;
	struct reading syn, timeouts, spurious;
	double share;  /* of all that was sent */
	bool one_peer; /* the first one alone is told of */
	double judged; /* that peer's share, else the share of all */
	struct peer peer[PEERS_MAX];
	size_t n_peers;
	double told; /* of again, by sockets that are still there */
};

static bool lossy(const struct tcp_socket *s)
{
	return s->state != TCP_STATE_LISTEN && s->state != TCP_STATE_SYN_SENT &&
	       row_has(s->has, TCP_SOCKET_total_retransmits) && s->total_retransmits > 0 &&
	       (s->unacked > 0 || s->last_sent_ns < RECENT_NS);
}

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_LISTEN || lossy(s);
}

/* SYNs. One that waits in vain is a time-out of its own. */
static void leave_out(struct loss *l, double syn)
{
	l->again = l->again > syn ? l->again - syn : 0;
	l->timeouts.value = l->timeouts.value > syn ? l->timeouts.value - syn : 0;
}

static double share_of(const struct loss *l)
{
	return l->again > 0 ? l->again / (l->out + l->again) : 0;
}

/* False: not measured. Without SYNs, where they are counted. */
static bool measure(const struct model *m, const struct snmp *row, struct loss *ret_loss)
{
	struct reading again = model_delta(m, TABLE_snmp, row, SNMP_tcp_retransmitted);
	struct reading out = model_delta(m, TABLE_snmp, row, SNMP_tcp_out_segments);
	struct loss l = { .row = row,
		.syn = model_delta(m, TABLE_snmp, row, SNMP_tcp_syn_retransmits),
		.timeouts = model_delta(m, TABLE_snmp, row, SNMP_tcp_timeouts),
		.spurious = model_delta(m, TABLE_snmp, row, SNMP_tcp_dsack_received) };

	if (!reading_ok(again) || !reading_ok(out))
		return false;
	l.out = out.value;
	l.again = again.value;
	if (reading_ok(l.syn))
		leave_out(&l, l.syn.value);
	*ret_loss = l;
	return true;
}

static double socket_grown(const struct model *m, const struct tcp_socket *s, unsigned int column)
{
	struct reading r = model_delta(m, TABLE_tcp_socket, s, column);

	/* Not there before, or had lost nothing: then all of it is new. */
	return reading_ok(r) ? r.value
	       : tcp_before(m, s)
		       ? 0
		       : table_cell(frame_table(m->now, TABLE_tcp_socket), s, column).value;
}

/* Did the other side open it? */
static bool accepted(const struct loss *l, const struct tcp_socket *s)
{
	return tcp_listens(l->doors, s->local_port, s->netns);
}

/* NULL when there are too many. Clients leave some places for peers that this
 * machine chose. */
static struct peer *peer_of(struct loss *l, const struct tcp_socket *s)
{
	for (size_t i = 0; i < l->n_peers; i++) {
		if (l->peer[i].address == s->peer)
			return &l->peer[i];
	}
	if (l->n_peers == PEERS_MAX || (l->n_peers >= CLIENTS_MAX && accepted(l, s)))
		return NULL;
	l->peer[l->n_peers] = (struct peer){ .address = s->peer, .family = s->family };
	return &l->peer[l->n_peers++];
}

/* Who lost how much; the peer that lost most comes first. */
static void attribute(const struct model *m, struct loss *l)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		double again;

		if (s->netns != l->row->netns || !lossy(s))
			continue;
		again = socket_grown(m, s, TCP_SOCKET_total_retransmits);
		again = again > l->again ? l->again : again;
		l->told += again;
		struct peer *p = again > 0 ? peer_of(l, s) : NULL;

		if (!p)
			continue;
		p->client |= accepted(l, s);
		p->again += again;
		p->segments += socket_grown(m, s, TCP_SOCKET_segments_out);
	}
	for (size_t i = 1; i < l->n_peers; i++) {
		if (l->peer[i].again > l->peer[0].again) {
			struct peer first = l->peer[0];

			l->peer[0] = l->peer[i];
			l->peer[i] = first;
		}
	}
}

/* Share of what was sent to others than the first peer and had to be sent
 * again; absent: too few. */
static struct reading elsewhere(const struct loss *l)
{
	double all = l->out + l->again - (l->n_peers ? l->peer[0].segments : 0);

	if (all < ELSEWHERE_MIN)
		return reading_none(STATE_ABSENT);
	double again = l->again - (l->n_peers ? l->peer[0].again : 0);

	return reading_of(again > 0 ? again / all : 0);
}

/* 0 where kernels before 4.2 do not count what a socket sent. */
static double peer_share(const struct peer *p)
{
	if (p->segments == 0)
		return 0;
	return p->segments > p->again ? p->again / p->segments : 1;
}

/*
 * Among much that goes well, a backend of ours that loses much hides; a client
 * of ours on a bad network is no news. False: nothing to tell of.
 */
static bool settle(struct loss *l)
{
	size_t n = 0;

	if (l->share >= SHARE_TOLD) {
		struct reading rest = elsewhere(l);

		l->one_peer = l->n_peers > 0 && l->peer[0].again >= ONE_PEER_RATIO * l->again &&
			      (!reading_ok(rest) || rest.value < SHARE_TOLD);
		l->judged = l->share;
		/* Of a connection that had lost nothing before only its whole life is
     * known. */
		if (l->one_peer && peer_share(&l->peer[0]) > l->share)
			l->judged = peer_share(&l->peer[0]);
		return true;
	}
	while (n < l->n_peers && (l->peer[n].client || l->peer[n].again < AGAIN_MIN ||
					 peer_share(&l->peer[n]) < SHARE_SAD))
		n++;
	if (n == l->n_peers)
		return false;
	struct peer first = l->peer[0];

	l->peer[0] = l->peer[n];
	l->peer[n] = first;
	l->one_peer = true;
	l->judged = peer_share(&l->peer[0]);
	return true;
}

static bool spurious(const struct loss *l)
{
	return reading_ok(l->spurious) && l->spurious.value >= SPURIOUS_RATIO * l->again;
}

static enum severity severity_of(const struct loss *l)
{
	/* Without a time-out nobody stood still: BBR and SACK fill the gaps as they
   * go. */
	if (l->judged < SHARE_SAD || !reading_ok(l->timeouts) || l->timeouts.value <= 0 ||
		spurious(l))
		return SEVERITY_INFO;
	if (l->judged >= SHARE_CRITICAL && !l->one_peer)
		return SEVERITY_CRITICAL;
	return SEVERITY_WARNING;
}

static void add_evidence(
	struct judgement *j, const struct model *m, struct finding *f, const struct loss *l)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const char *snmp = netns_source(j, l->row->netns, "/proc/net/snmp");
	const char *netstat = netns_source(j, l->row->netns, "/proc/net/netstat");
	struct reading rest = elsewhere(l);

	if (l->one_peer)
		finding_evidence(f, "tcp.peer_retransmitted_ratio", UNIT_RATIO,
			reading_of(l->judged), "sock_diag tcpi_total_retrans, tcpi_segs_out",
			reading_of(l->judged >= SHARE_SAD ? SHARE_SAD : SHARE_TOLD),
			l->judged >= SHARE_SAD ? SAD_WHY : TOLD_WHY);
	finding_evidence(f, "tcp.retransmitted_ratio", UNIT_RATIO, reading_of(l->share), snmp,
		l->one_peer ? reading_none(STATE_ABSENT)
			    : reading_of(l->share >= SHARE_SAD ? SHARE_SAD : SHARE_TOLD),
		l->one_peer             ? "of all that was sent"
		: l->share >= SHARE_SAD ? SAD_WHY
					: TOLD_WHY);
	finding_evidence(f, "snmp.tcp_retransmitted", UNIT_COUNT, reading_of(l->again), snmp,
		reading_of(AGAIN_MIN), "during the look, without SYNs; fewer say little");
	finding_evidence(f, "snmp.tcp_timeouts", UNIT_COUNT, l->timeouts, netstat, reading_of(0),
		"each is a connection that stood still for 200 ms or more");
	if (reading_ok(l->spurious) && l->spurious.value > 0)
		finding_evidence_alarm(f, "snmp.tcp_dsack_received", UNIT_COUNT, l->spurious,
			netstat, ALARM_NONE, reading_of(SPURIOUS_RATIO * l->again),
			"had arrived already: delay or reordering, not loss");
	if (!reading_ok(l->syn) || l->syn.value > 0)
		finding_evidence(f, "snmp.tcp_syn_retransmits", UNIT_COUNT, l->syn, netstat,
			reading_none(STATE_ABSENT),
			reading_ok(l->syn) ? "not in the share: whoever scans or is dead does not "
					     "answer"
					   : "not counted here: only what sockets of connections "
					     "tell of is in the share");
	if (l->n_peers > 0)
		finding_evidence(f, "tcp_socket.total_retransmits", UNIT_COUNT,
			reading_of(l->peer[0].again), "sock_diag tcpi_total_retrans",
			reading_none(STATE_ABSENT),
			judge_text(j, "of them towards %s", table_text(t, l->peer[0].address)));
	finding_evidence(f, "tcp.elsewhere_ratio", UNIT_RATIO, rest, snmp,
		reading_none(STATE_ABSENT),
		reading_ok(rest) ? "sent again towards all others" : NULL);
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct loss *l)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const char *enter = netns_enter(j, l->row->netns, netns_pid(m, l->row->netns));
	const char *peer = l->n_peers ? table_text(t, l->peer[0].address) : "PEER";

	finding_todo(f, judge_text(j,
				"see which connections (retrans:NOW/EVER, rto, cwnd):  %sss -tino "
				"| grep -B1 retrans:",
				enter));
	finding_todo(f, judge_text(j,
				"find the hop (last lines: where loss begins and stays):  "
				"%smtr -rwnc 50 --tcp %s",
				enter, peer));
	if (l->one_peer)
		finding_todo(
			f, judge_text(j, "ask the peer's side, and look at the path to it alone: "
					 "its own interface counters:  ip -s link"));
	else
		finding_todo(f, judge_text(j,
					"look at what all share: this machine's link, its duplex, "
					"drops and queues:  %sip -s link; %stc -s qdisc",
					enter, enter));
	finding_todo(f, "if a rate limit of a cloud or a shaper drops: send below it (fq pacing, "
			"BBR), or buy more");
}

static const char *cause_of(struct judgement *j, const struct model *m, const struct loss *l)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);

	if (spurious(l))
		return "most of it had arrived the first time: the path reorders segments or its "
		       "delay jumps; little is lost";
	if (l->one_peer)
		return judge_text(j,
			"segments are lost on the way to %s%s: the path to it, "
			"its network or the "
			"host itself",
			table_text(t, l->peer[0].address),
			reading_ok(elsewhere(l)) ? ", and not towards others"
						 : ", the only peer with traffic now");
	if (l->n_peers > 1)
		return judge_text(j,
			"segments are lost on the way to %zu peers: what they share is this "
			"machine's own link, queue or first hops",
			l->n_peers);
	return "segments are lost; the connections that lost most have ended, so "
	       "their peers are "
	       "not known";
}

/* Its owner is a victim. */
static bool suffers(const struct model *m, const struct loss *l, const struct tcp_socket *s)
{
	return s->inode && s->netns == l->row->netns && lossy(s) &&
	       (!l->one_peer || s->peer == l->peer[0].address) &&
	       socket_grown(m, s, TCP_SOCKET_total_retransmits) > 0;
}

static bool ask_victims(struct judgement *j, const struct model *m, const struct loss *l)
{
	bool known = true;
	size_t n = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		if (suffers(m, l, s) && n++ < OWNERS_MAX)
			known &= judge_ask(j, m, TABLE_socket_owner, s->inode);
	}
	return known;
}

static void name_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct loss *l)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		const struct socket_owner *owner = suffers(m, l, s) ? tcp_owner(m, s->inode) : NULL;

		if (owner)
			finding_victim_once(f, entity_process(j, m, owner->pid));
	}
}

static void report_loss(struct judgement *j, const struct model *m, const struct loss *l)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	struct finding *f = judge_finding(j, severity_of(l),
		l->told >= l->again / 2 ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);

	add_evidence(j, m, f, l);
	if (l->one_peer)
		finding_culprit(f, entity_peer(j, t, l->peer[0].family, l->peer[0].address, 0));
	else
		finding_culprit(f, entity_host());
	name_victims(j, m, f, l);
	f->share = l->judged;
	f->title = judge_text(j, "%s of the TCP segments sent to %s are sent again",
		human_ratio(l->judged).s,
		l->one_peer ? table_text(t, l->peer[0].address) : "all peers");
	f->cause = cause_of(j, m, l);
	add_todo(j, m, f, l);
	f->refuted_if = "nstat TcpRetransSegs TcpOutSegs shows less than 2 % at the busiest hour; "
			"or throughput is what it should be (BBR causes and bears some loss "
			"itself)";
}

enum { LOSSES_MAX = 8 };

/* Of each namespace what is worth telling. */
struct losses {
	struct loss *at[LOSSES_MAX];
	size_t n;
	bool measured, unsure; /* any; much that may be SYNs or not */
};

static struct losses find_losses(
	struct judgement *j, const struct model *m, const struct tcp_doors *doors)
{
	struct losses list = { 0 };

	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		struct loss one, *l;

		if (!measure(m, row, &one))
			continue;
		list.measured = true;
		if (list.n == LOSSES_MAX || one.again < AGAIN_MIN)
			continue;
		l = arena_new(&j->arena, sizeof(*l));
		if (!l)
			break;
		*l = one;
		l->doors = doors;
		attribute(m, l);
		if (!reading_ok(l->syn) && l->told < l->again)
			leave_out(l, l->again - l->told);
		l->share = share_of(l);
		if (l->again >= AGAIN_MIN && settle(l))
			list.at[list.n++] = l;
		else
			list.unsure |= !reading_ok(one.syn) && share_of(&one) >= SHARE_TOLD;
	}
	return list;
}

static bool told(const struct losses *list, const struct tcp_socket *s)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct loss *l = list->at[i];

		if (l->row->netns == s->netns && (!l->one_peer || l->peer[0].address == s->peer))
			return true;
	}
	return false;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct tcp_doors doors = tcp_doors_of(j, m);
	struct losses loss = find_losses(j, m, &doors);
	/* What is small beside all the rest may still be what a transfer is slow for. */
	struct loss_caps *caps = loss_caps_find(j, m);
	bool known = caps && loss_caps_ask(j, m, caps);

	if (!caps)
		return judge_unknown_why(j, STATE_BROKEN, "no memory");
	for (size_t i = 0; i < caps->n; i++)
		caps->of[i].told = told(&loss, caps->of[i].socket);
	for (size_t i = 0; i < loss.n; i++)
		known &= ask_victims(j, m, loss.at[i]);
	if (!known)
		return VERDICT_ASK;
	for (size_t i = 0; i < loss.n; i++)
		report_loss(j, m, loss.at[i]);
	loss_caps_report(j, m, caps);
	if (j->n_findings > 0)
		return VERDICT_SAD;
	if (loss.unsure)
		return judge_unknown_why(j, STATE_ABSENT,
			"much was sent again; without TCPSynRetrans (Linux 3.15) it may all be "
			"SYNs");
	if (!loss.measured)
		return judge_unknown(j, m, TABLE_snmp);
	return VERDICT_FINE;
}

const struct check check_tcp_retrans = {
	.id = "tcp.retrans",
	.question = "Are TCP segments lost on the way, so that they are sent again?",
	.needs = { { .table = TABLE_snmp, .rate = true },
		{ .table = TABLE_tcp_socket, .rate = true, .optional = true, .keep = keep },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
