/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/tcp.h"
#include "model/tcp_cap.h"

enum { GROUPS_MAX = 32, FLOWS_MAX = 256 };
#define BUSY_WHY "of the look it had data to send: its program is not what it waits for"
#define LIMITED_WHY "of that time; full windows on a long path read no more than 43 to 50 %"
#define RTT_WHY "nearer peers are fast with any window"
/* What people want of a path: 1 Gbit/s. */
#define WANTED_BYTES_PER_S 125e6

struct flow {
	const struct tcp_socket *socket;
	struct tcp_cap cap;
	bool told;
};

struct flows {
	struct flow of[FLOWS_MAX];
	size_t n;
};

static bool keep(const void *row)
{
	return tcp_cap_may(row) || tcp_cap_may_receive(row);
}

static void find(const struct model *m, struct flows *list)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		struct tcp_cap cap = tcp_cap_of(m, s);

		if (cap.kind == TCP_CAP_NONE)
			cap = tcp_cap_received(m, s);
		if (cap.kind != TCP_CAP_NONE && list->n < FLOWS_MAX)
			list->of[list->n++] = (struct flow){ .socket = s, .cap = cap };
	}
}

/* The other end of the same connection, on this host too, which says it better. */
static bool told_by_sender(const struct flows *list, const struct flow *f)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tcp_socket *a = list->of[i].socket, *b = f->socket;

		if (list->of[i].cap.kind != TCP_CAP_OURS && a->local == b->peer &&
			a->peer == b->local && a->local_port == b->peer_port &&
			a->peer_port == b->local_port)
			return true;
	}
	return false;
}

static bool same_cap(const struct flow *a, const struct flow *b)
{
	return a->cap.kind == b->cap.kind && a->socket->netns == b->socket->netns &&
	       a->socket->peer == b->socket->peer;
}

static bool ask(const struct model *m, struct judgement *j, const struct flows *list)
{
	bool known = true;

	for (size_t i = 0; i < list->n; i++)
		known &= judge_ask(j, m, TABLE_socket_owner, list->of[i].socket->inode);
	return known;
}

static uint64_t pid_of(const struct model *m, const struct flow *f)
{
	const struct socket_owner *owner = tcp_owner(m, f->socket->inode);

	return owner ? owner->pid : 0;
}

/* The buffer that caps it, where it is of this host, and what the kernel would let it be. */
struct room {
	uint64_t bytes, max; /* max 0: unknown */
	bool untuned;        /* the kernel is told not to make it larger */
};

static struct room room_of(const struct model *m, const struct flow *z)
{
	const struct netns_setting *n =
		table_find(frame_table(m->now, TABLE_netns_setting), z->socket->netns);

	if (z->cap.kind == TCP_CAP_OURS)
		return (struct room){ z->socket->receive_buffer_bytes,
			n && row_has(n->has, NETNS_SETTING_receive_max_bytes) ? n->receive_max_bytes
									      : 0,
			n && row_has(n->has, NETNS_SETTING_receive_tuning) &&
				n->receive_tuning == 0 };
	return (struct room){ z->cap.limit_bytes,
		n && row_has(n->has, NETNS_SETTING_send_max_bytes) ? n->send_max_bytes : 0 };
}

/*
 * A program that sets a buffer switches the kernel's own tuning off, and may have more than that
 * would give it.
 */
static bool set_by_program(struct room r)
{
	return r.max > 0 && r.bytes != r.max && !r.untuned;
}

#define UNSCALED                                                                             \
	"; or windows are not scaled at all (tcp_window_scaling, an old firewall): then 64 " \
	"KiB are the most"

static const char *our_cause(struct judgement *j, const struct model *m, const struct flow *z)
{
	struct room r = room_of(m, z);

	return judge_text(j,
		"the peer may have %s on its way, our window, and gets room for as much once a "
		"round trip of %s: the receive buffer of %s %s%s",
		human_bytes((double)z->cap.limit_bytes).s, human_ns((double)z->cap.rtt_ns).s,
		human_bytes((double)r.bytes).s,
		r.untuned    ? "does not grow, for net.ipv4.tcp_moderate_rcvbuf is off, or the "
			       "program has set SO_RCVBUF"
		: r.max == 0 ? "was set by the program (SO_RCVBUF), or net.ipv4.tcp_rmem, which "
			       "could not be read, allows no more"
		: set_by_program(r)
			? "is not what tcp_rmem lets it grow to: the program has set SO_RCVBUF, "
			  "which switches the kernel's own tuning off"
			: "is the most that net.ipv4.tcp_rmem allows here",
		z->cap.limit_bytes <= UINT16_MAX ? UNSCALED : "");
}

static const char *cause_of(struct judgement *j, const struct model *m, const struct flow *z)
{
	const struct tcp_cap *c = &z->cap;
	struct human size = human_bytes((double)c->limit_bytes), trip = human_ns((double)c->rtt_ns);
	uint64_t max = room_of(m, z).max;

	if (c->kind == TCP_CAP_OURS)
		return our_cause(j, m, z);
	if (c->kind == TCP_CAP_RECEIVER)
		return judge_text(j,
			"the peer lets %s be on their way, no more, and gives room for as much "
			"once a round trip of %s: its buffer is as large as SO_RCVBUF of its "
			"program, or net.ipv4.tcp_rmem of its host, let it be%s",
			size.s, trip.s, c->limit_bytes <= UINT16_MAX ? UNSCALED : "");
	if (max == 0)
		return judge_text(j,
			"the send buffer of %s holds what is not acknowledged, and is given back "
			"once a round trip of %s; the program has set it (SO_SNDBUF), or "
			"net.ipv4.tcp_wmem, which could not be read, allows no more",
			size.s, trip.s);
	if (c->limit_bytes == max)
		return judge_text(j,
			"the send buffer of %s, the most that net.ipv4.tcp_wmem allows here, holds "
			"what is not acknowledged, and is given back once a round trip of %s",
			size.s, trip.s);
	return judge_text(j,
		"the send buffer of %s holds what is not acknowledged, and is given back once a "
		"round trip of %s; it is not what tcp_wmem lets it grow to: the program has set "
		"SO_SNDBUF, which switches the kernel's own tuning off",
		size.s, trip.s);
}

/* What differs in what to do. */
static const struct advice {
	const char *see, *where, *file, *more, *program, *option;
} advice[] = {
	[TCP_CAP_RECEIVER] = { "rwnd_limited, of busy", " there", "tcp_rmem",
		" net.ipv4.tcp_window_scaling net.core.rmem_max", " that reads", "SO_RCVBUF" },
	[TCP_CAP_SENDER] = { "sndbuf_limited, of busy", "", "tcp_wmem", " net.core.wmem_max", "",
		"SO_SNDBUF" },
	[TCP_CAP_OURS] = { "rcv_space, rb of skmem", "", "tcp_rmem",
		" net.ipv4.tcp_window_scaling net.ipv4.tcp_moderate_rcvbuf net.core.rmem_max", "",
		"SO_RCVBUF" },
};

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct flow *z)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const struct tcp_socket *s = z->socket;
	const struct advice *a = &advice[z->cap.kind];
	const char *enter = netns_enter(j, s->netns, pid_of(m, z));
	bool theirs = z->cap.kind == TCP_CAP_RECEIVER;
	double wanted = WANTED_BYTES_PER_S * (double)z->cap.rtt_ns / 1e9;

	finding_todo(f, judge_text(j, "see it (%s):  %sss -tinmo dst %s", a->see, enter,
				table_text(t, s->peer)));
	finding_todo(f, judge_text(j, "what is allowed%s:  %ssysctl net.ipv4.%s%s",
				theirs ? ", on the peer's host" : "", theirs ? "" : enter, a->file,
				a->more));
	if (theirs || !set_by_program(room_of(m, z)))
		finding_todo(f,
			judge_text(j,
				"1 Gbit/s over this path has %s on its way, and takes a buffer of "
				"twice that: %.0f as the third value of net.ipv4.%s%s, where it "
				"is less",
				human_bytes(wanted).s, 2 * wanted, a->file, a->where));
	finding_todo(
		f, judge_text(j,
			   "in the program%s: do not set %s, so that the kernel tunes the buffer; "
			   "or several connections at once",
			   a->program, a->option));
}

static void add_our_evidence(struct finding *f, const struct flow *z)
{
	const struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "cap.filled_ratio", UNIT_RATIO, reading_of(z->cap.limited_ratio),
		"sock_diag tcpi_bytes_received, tcpi_rcv_wnd, tcpi_min_rtt",
		reading_of(TCP_CAP_FILLED),
		"of our window came each round trip; where the kernel may, it makes it twice "
		"that");
	finding_evidence(f, "tcp_socket.min_rtt_ns", UNIT_NS, reading_of((double)z->cap.rtt_ns),
		"sock_diag tcpi_min_rtt", reading_of((double)TCP_CAP_RTT_NS), RTT_WHY);
	finding_evidence(f, "tcp_socket.receive_window_bytes", UNIT_BYTES,
		reading_of((double)z->cap.limit_bytes), "sock_diag tcpi_rcv_wnd", none,
		"once a round trip is the most that can come");
	finding_evidence(f, "tcp_socket.receive_buffer_bytes", UNIT_BYTES,
		reading_of((double)z->socket->receive_buffer_bytes), "sock_diag SK_MEMINFO_RCVBUF",
		none, "the same before and after the look");
}

static void add_evidence(struct finding *f, const struct flow *z)
{
	const struct tcp_cap *c = &z->cap;

	if (c->kind == TCP_CAP_OURS) {
		add_our_evidence(f, z);
		return;
	}
	bool receiver = c->kind == TCP_CAP_RECEIVER;

	finding_evidence(f, "cap.limited_ratio", UNIT_RATIO, reading_of(c->limited_ratio),
		receiver ? "sock_diag tcpi_rwnd_limited" : "sock_diag tcpi_sndbuf_limited",
		reading_of(TCP_CAP_LIMITED), LIMITED_WHY);
	finding_evidence(f, "cap.busy_ratio", UNIT_RATIO, reading_of(c->busy_ratio),
		"sock_diag tcpi_busy_time", reading_of(TCP_CAP_BUSY), BUSY_WHY);
	finding_evidence(f, "tcp_socket.min_rtt_ns", UNIT_NS, reading_of((double)c->rtt_ns),
		"sock_diag tcpi_min_rtt", reading_of((double)TCP_CAP_RTT_NS), RTT_WHY);
	finding_evidence(f,
		receiver ? "tcp_socket.send_window_bytes" : "tcp_socket.send_buffer_bytes",
		UNIT_BYTES, reading_of((double)c->limit_bytes),
		receiver ? "sock_diag tcpi_snd_wnd" : "sock_diag SK_MEMINFO_SNDBUF",
		reading_none(STATE_ABSENT), "once a round trip is the most that can pass");
}

static const char *const limits[] = { [TCP_CAP_RECEIVER] = "its window",
	[TCP_CAP_SENDER] = "a send buffer",
	[TCP_CAP_OURS] = "our window" };

static bool blames_program(const struct model *m, const struct flow *z)
{
	return z->cap.kind == TCP_CAP_SENDER ||
	       (z->cap.kind == TCP_CAP_OURS && set_by_program(room_of(m, z)));
}

static void report(struct judgement *j, const struct model *m, struct flows *list, size_t first)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const struct flow *z = &list->of[first];
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_LIKELY);
	struct entity peer = entity_peer(j, t, z->socket->family, z->socket->peer, 0);
	double rate = 0;
	size_t n = 0;

	for (size_t i = first; i < list->n; i++) {
		struct flow *other = &list->of[i];
		uint64_t pid = pid_of(m, other);

		if (!same_cap(z, other))
			continue;
		other->told = true;
		rate += other->cap.bytes_per_s;
		n++;
		if (!pid)
			continue;
		if (blames_program(m, z) && f->n_culprits == 0)
			finding_culprit(f, entity_process(j, m, pid));
		else
			finding_victim_once(f, entity_process(j, m, pid));
	}
	if (f->n_culprits == 0)
		finding_culprit(f, z->cap.kind == TCP_CAP_OURS ? entity_host() : peer);
	add_evidence(f, z);
	f->title = judge_text(j,
		"%zu connection%s %s %s %s %s/s and cannot be faster: %s of %s, %s away", n,
		n == 1 ? "" : "s", z->cap.kind == TCP_CAP_OURS ? "from" : "to", peer.name,
		n == 1 ? "carries" : "carry", human_bytes(rate).s, limits[z->cap.kind],
		human_bytes((double)z->cap.limit_bytes).s, human_ns((double)z->cap.rtt_ns).s);
	f->cause = cause_of(j, m, z);
	add_todo(j, m, f, z);
	f->refuted_if = "the program limits its rate by itself, or that is what the path can carry";
	f->share = z->cap.limited_ratio;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct flows *list = arena_new(&j->arena, sizeof(*list));

	if (!list)
		return judge_unknown_why(j, STATE_BROKEN, "no memory");
	if (model_elapsed_ns(m, TABLE_tcp_socket) < TCP_CAP_LOOK_NS)
		return judge_unknown_why(j, STATE_ABSENT, "one look at the sockets shows no pace");
	find(m, list);
	for (size_t i = 0; i < list->n; i++)
		list->of[i].told =
			list->of[i].cap.kind == TCP_CAP_OURS && told_by_sender(list, &list->of[i]);
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

const struct check check_tcp_window_limited = {
	.id = "tcp.window-limited",
	.question =
		"Are transfers to hosts far away as fast as their buffers allow, and no faster?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_netns_setting, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
