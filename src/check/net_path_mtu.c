/* SPDX-License-Identifier: MIT */
/*
 * A black hole of path MTU discovery: a link of the path takes smaller packets than this host
 * believes, and the router's word of it (ICMP type 3 code 4, ICMPv6 type 2) does not come here.
 * Full segments never arrive, small ones do.
 */
#include "base/human.h"
#include "check/entity.h"
#include "model/tcp.h"
#include "model/tcp_verdict.h"

#include <sys/socket.h>

enum { PATHS_MAX = 64, MANY = 2, ALONE = 6 };
enum { IPV4_PING = 20 + 8, IPV6_PING = 40 + 8 };

/* Connections to one address with a full segment that does not arrive. */
struct path {
	const struct tcp_socket *first;
	size_t stuck;
	size_t behind; /* of them: smaller segments arrived behind the large one */
	size_t heard;  /* of them: the peer was heard while it did not arrive */
	size_t tries;
	uint64_t bytes;
	uint64_t trying_ns; /* the longest of them */
	uint64_t heard_ns;  /* since the peer was heard last on any of them; UINT64_MAX: unknown */
	uint64_t asked_ns;  /* the same, of those that it answered until they were stuck */
	uint32_t mtu, mss;  /* as this host believes; 0: unknown */
};

struct paths {
	struct path at[PATHS_MAX];
	size_t n;
};

static bool keep(const void *row)
{
	return tcp_stuck(row);
}

static struct path *path_for(struct paths *list, const struct tcp_socket *s)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tcp_socket *first = list->at[i].first;

		if (first->netns == s->netns && first->peer == s->peer)
			return &list->at[i];
	}
	if (list->n == PATHS_MAX)
		return NULL;
	list->at[list->n] =
		(struct path){ .first = s, .heard_ns = UINT64_MAX, .asked_ns = UINT64_MAX };
	return &list->at[list->n++];
}

static void add(struct path *p, const struct tcp_socket *s)
{
	p->stuck++;
	p->behind += tcp_small_behind(s);
	p->heard += tcp_small_pass(s);
	p->bytes += s->send_queue;
	p->tries = s->retransmits > p->tries ? s->retransmits : p->tries;
	if (tcp_tried_ns(s) > p->trying_ns)
		p->trying_ns = tcp_tried_ns(s);
	if (row_has(s->has, TCP_SOCKET_last_ack_ns) && s->last_ack_ns < p->heard_ns)
		p->heard_ns = s->last_ack_ns;
	if (row_has(s->has, TCP_SOCKET_last_ack_ns) && !tcp_small_pass(s) &&
		s->last_ack_ns < p->asked_ns)
		p->asked_ns = s->last_ack_ns;
	p->mtu = s->path_mtu_bytes > p->mtu ? s->path_mtu_bytes : p->mtu;
	p->mss = s->send_mss > p->mss ? s->send_mss : p->mss;
}

/*
 * The peer was there for one connection, for its handshake at the least, when the full segments of
 * another had been sent in vain for long: neither host nor path is gone.
 */
static bool outlived(const struct path *p)
{
	return p->trying_ns >= TCP_UNANSWERED_NS && p->asked_ns <= p->trying_ns - TCP_UNANSWERED_NS;
}

/* A sick path that is told of: one connection alone has to try for longer. */
static bool is_narrow(const struct path *p)
{
	return (p->behind > 0 || p->heard > 0 || outlived(p)) &&
	       (p->stuck >= MANY || p->tries >= ALONE);
}

static void find(struct paths *list, const struct model *m)
{
	size_t kept = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		struct path *p = tcp_stuck(s) ? path_for(list, s) : NULL;

		if (p)
			add(p, s);
	}
	for (size_t i = 0; i < list->n; i++) {
		if (is_narrow(&list->at[i]))
			list->at[kept++] = list->at[i];
	}
	list->n = kept;
}

static bool of_path(const struct path *p, const struct tcp_socket *s)
{
	return s->inode && s->netns == p->first->netns && s->peer == p->first->peer && tcp_stuck(s);
}

/* False: the owners were asked for. */
static bool ask(struct judgement *j, const struct model *m, const struct paths *list)
{
	bool known = true;

	for (size_t i = 0; i < list->n; i++) {
		for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
			if (of_path(&list->at[i], s))
				known &= judge_ask(j, m, TABLE_socket_owner, s->inode);
		}
	}
	return known;
}

static void name_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct path *p)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		const struct socket_owner *owner = of_path(p, s) ? tcp_owner(m, s->inode) : NULL;

		if (owner)
			finding_victim_once(f, entity_process(j, m, owner->pid));
	}
}

static void add_evidence(struct judgement *j, struct finding *f, const struct path *p)
{
	const struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "stuck.connections", UNIT_COUNT, reading_of((double)p->stuck),
		"sock_diag", reading_of(MANY),
		"with a full segment that was sent four times or more, never acknowledged");
	finding_evidence(f, "stuck.tries", UNIT_COUNT, reading_of((double)p->tries),
		"sock_diag tcpi_retransmits", reading_of(ALONE), "in a row; enough for one alone");
	if (p->behind > 0)
		finding_evidence(f, "stuck.sacked", UNIT_COUNT, reading_of((double)p->behind),
			"sock_diag tcpi_sacked", none,
			"of them: what was sent behind the full segment, and was smaller, arrived");
	if (p->heard_ns != UINT64_MAX)
		finding_evidence(f, "stuck.heard_ns", UNIT_NS, reading_of((double)p->heard_ns),
			"sock_diag tcpi_last_ack_recv", none,
			"since the peer was heard last on any of them");
	if (p->trying_ns > 0)
		finding_evidence(f, "stuck.trying_ns", UNIT_NS, reading_of((double)p->trying_ns),
			"sock_diag", none,
			"since the first retransmit of the one that tries longest");
	if (p->mtu > 0)
		finding_evidence(f, "tcp_socket.path_mtu_bytes", UNIT_BYTES,
			reading_of((double)p->mtu), "sock_diag tcpi_pmtu", none,
			judge_text(j, "%u bytes: what this host believes that the path takes",
				p->mtu));
}

/* Only the first is more than likely: that is what the first command is for. */
static const char *cause_of(struct judgement *j, const struct path *p)
{
	const char *why = p->behind > 0 ? "smaller segments behind them arrive"
			  : outlived(p) ? "new connections to it come about meanwhile"
					: "the peer is heard meanwhile";

	return judge_text(j,
		"segments of %u bytes do not arrive though %s: a link on the way (a tunnel, a VPN, "
		"PPPoE, a cloud's edge) takes smaller packets, and the router's word of it (%s) is "
		"dropped before it reaches this host%s",
		p->mss, why,
		p->first->family == AF_INET6 ? "ICMPv6 packet too big"
					     : "ICMP fragmentation needed",
		p->behind > 0 || outlived(p)
			? ""
			: "; or the way there is cut, and the way back is not");
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct path *p)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const char *peer = table_text(t, p->first->peer);
	const char *enter = netns_enter(j, p->first->netns, netns_pid(m, p->first->netns));
	bool v6 = p->first->family == AF_INET6;
	/* Less than a segment is no path's: a damaged capture. */
	uint32_t mtu = p->mtu > p->mss && p->mtu > IPV6_PING ? p->mtu : 1500;
	uint32_t large = mtu - (v6 ? IPV6_PING : IPV4_PING), small = v6 ? 1280 - IPV6_PING : 548;

	finding_todo(f, judge_text(j, "if this ping is answered:  %sping -M do -c3 -s %u %s", enter,
				small, peer));
	finding_todo(
		f, judge_text(j, "and this one is not, it is proven:  %sping -M do -c3 -s %u %s",
			   enter, large, peer));
	finding_todo(f, judge_text(j, "where it narrows:  %stracepath -n %s", enter, peer));
	finding_todo(
		f, judge_text(j,
			   "heals these connections too: have TCP try smaller segments by itself "
			   "(RFC 4821):  %ssysctl -w net.ipv4.tcp_mtu_probing=1",
			   enter));
	finding_todo(
		f, judge_text(j,
			   "the cause, in firewalls on the way and here: let %s pass; on the "
			   "router before the narrow link:  nft add rule inet filter forward tcp "
			   "flags syn tcp option maxseg size set rt mtu",
			   v6 ? "ICMPv6 type 2" : "ICMP type 3 code 4"));
	finding_todo(f, "in the program, as a stop-gap: setsockopt(TCP_MAXSEG) of 1200 before "
			"connect() or listen()");
}

static void report(struct judgement *j, const struct model *m, const struct path *p)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	struct finding *f = judge_finding(j, SEVERITY_WARNING,
		p->behind > 0 || outlived(p) ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
	struct entity peer = entity_peer(j, t, p->first->family, p->first->peer, 0);

	finding_culprit(f, peer);
	name_victims(j, m, f, p);
	add_evidence(j, f, p);
	f->title = judge_text(j,
		"full-size segments do not reach %s, small ones do: %zu connection%s, "
		"%s not acknowledged",
		peer.name, p->stuck, p->stuck == 1 ? "" : "s", human_bytes((double)p->bytes).s);
	f->cause = cause_of(j, p);
	add_todo(j, m, f, p);
	f->refuted_if = "the large ping is answered too; or their bytes_acked grows";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct paths *list = arena_new(&j->arena, sizeof(*list));

	if (!list)
		return judge_unknown_why(j, STATE_BROKEN, "no memory");
	find(list, m);
	if (list->n == 0)
		return VERDICT_FINE;
	if (!ask(j, m, list))
		return VERDICT_ASK;
	for (size_t i = 0; i < list->n; i++)
		report(j, m, &list->at[i]);
	return VERDICT_SAD;
}

const struct check check_net_path_mtu = {
	.id = "net.path-mtu",
	.question = "Do full-size TCP segments vanish on a path that small ones pass?",
	.explains = { "tcp.peer-gone", "tcp.fin-wait1", "tcp.last-ack", "tcp.retrans" },
	.needs = { { .table = TABLE_tcp_socket, .keep = keep },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
