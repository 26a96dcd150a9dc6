/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp.h"
#include "model/tcp_cap.h"

/*
 * A connection that has data to send most of the time, and of that time waits long for room in the
 * peer's window: not the network is slow, the reader is. The kernel measures both
 * (tcpi_busy_time, tcpi_rwnd_limited, since 4.10).
 */
#define BUSY_RATIO 0.5
#define BUSY_WHY "of the look it had data to send; less, and its own program is what it waits for"
/* Even one that waits for nothing else reads 43 % at 40 ms of round trip. */
#define LIMITED_RATIO 0.25
#define LIMITED_WHY "of that time; full windows on a long path read no more than 43 to 50 %"
static const uint64_t LOOK_NS = UINT64_C(900000000);

enum { FLOWS_MAX = 256, GROUPS_MAX = 32 };

struct slow {
	const struct tcp_socket *sender, *reader; /* reader: where it is on this host, or NULL */
	double busy_ns, limited_ns, bytes;
};

struct slows {
	struct slow of[FLOWS_MAX];
	size_t n;
};

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return (s->state == TCP_STATE_ESTABLISHED || s->state == TCP_STATE_CLOSE_WAIT) &&
	       ((row_has(s->has, TCP_SOCKET_rwnd_limited_ns) && s->rwnd_limited_ns > 0) ||
		       s->receive_queue > 0);
}

static const struct tcp_socket *other_end(const struct table *t, const struct tcp_socket *s)
{
	for (table_each(struct tcp_socket, o, t)) {
		if (o->local_port == s->peer_port && o->peer_port == s->local_port &&
			o->local == s->peer && o->peer == s->local)
			return o;
	}
	return NULL;
}

static void find(const struct model *m, struct slows *list)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_tcp_socket);

	for (table_each(struct tcp_socket, s, t)) {
		struct slow one = { .sender = s,
			.busy_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_busy_ns),
			.limited_ns =
				model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_rwnd_limited_ns),
			.bytes = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_acked_bytes) };

		/* What does not move at all is tcp.zero-window's; what passes a whole window
		 * each round trip tcp.window-limited's. */
		if (!keep(s) || one.bytes <= 0 || one.busy_ns < BUSY_RATIO * elapsed_ns ||
			one.limited_ns < LIMITED_RATIO * one.busy_ns || list->n == FLOWS_MAX ||
			tcp_cap_of(m, s).kind == TCP_CAP_RECEIVER)
			continue;
		one.reader = other_end(t, s);
		list->of[list->n++] = one;
	}
}

static uint64_t pid_of(const struct model *m, const struct tcp_socket *s)
{
	const struct socket_owner *owner = s ? tcp_owner(m, s->inode) : NULL;

	return owner ? owner->pid : 0;
}

/* One reader here, or one address elsewhere. */
static bool same_reader(const struct model *m, const struct slow *a, const struct slow *b)
{
	if (a->reader && b->reader)
		return pid_of(m, a->reader) == pid_of(m, b->reader);
	return !a->reader && !b->reader && a->sender->netns == b->sender->netns &&
	       a->sender->peer == b->sender->peer;
}

static bool ask(const struct model *m, struct judgement *j, const struct slows *list)
{
	bool known = true;

	for (size_t i = 0; i < list->n; i++) {
		known &= judge_ask(j, m, TABLE_socket_owner, list->of[i].sender->inode);
		if (list->of[i].reader)
			known &= judge_ask(j, m, TABLE_socket_owner, list->of[i].reader->inode);
	}
	return known;
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct slow *z)
{
	uint64_t pid = pid_of(m, z->reader);

	finding_todo(
		f, judge_text(j, "see it (rwnd_limited, of busy):  %sss -tino '( dport = :%u )'",
			   netns_enter(j, z->sender->netns, pid_of(m, z->sender)),
			   z->sender->peer_port));
	if (pid)
		finding_todo(f, judge_text(j, "what the reader does instead:  murphy why %llu",
					(unsigned long long)pid));
	else
		finding_todo(f, "what the reader does instead, on its host:  murphy why :PORT");
	finding_todo(f,
		"in the program: read in a thread of its own and in large pieces; do not set "
		"SO_RCVBUF, which switches the kernel's own tuning off");
	finding_todo(f, "when the reader is fast and far away its largest buffer is the limit:  "
			"sysctl net.ipv4.tcp_rmem there, bandwidth times round trip");
}

static void report(
	struct judgement *j, const struct model *m, const struct slows *list, size_t first)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const struct slow *z = &list->of[first];
	struct finding *f = judge_finding(j, SEVERITY_INFO,
		z->reader && z->reader->receive_queue > 0 ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_tcp_socket), bytes = 0;
	struct entity peer = entity_peer(j, t, z->sender->family, z->sender->peer, 0);
	uint64_t pid = pid_of(m, z->reader), last = 0;
	size_t n = 0;

	if (pid)
		finding_culprit(f, entity_process(j, m, pid));
	else
		finding_culprit(f, peer);
	for (size_t i = first; i < list->n; i++) {
		uint64_t sender = pid_of(m, list->of[i].sender);

		if (!same_reader(m, z, &list->of[i]))
			continue;
		n++;
		bytes += list->of[i].bytes;
		if (sender && sender != last)
			finding_victim_once(f, entity_process(j, m, sender));
		last = sender;
	}
	finding_evidence(f, "slow_reader.busy_ratio", UNIT_RATIO, ratio_of(z->busy_ns, elapsed_ns),
		"sock_diag tcpi_busy_time", reading_of(BUSY_RATIO), BUSY_WHY);
	finding_evidence(f, "slow_reader.limited_ratio", UNIT_RATIO,
		ratio_of(z->limited_ns, z->busy_ns), "sock_diag tcpi_rwnd_limited",
		reading_of(LIMITED_RATIO), LIMITED_WHY);
	if (z->reader)
		finding_evidence(f, "tcp_socket.receive_queue", UNIT_BYTES,
			reading_of((double)z->reader->receive_queue),
			"sock_diag Recv-Q of the reader", reading_none(STATE_ABSENT),
			"has arrived and is not read yet");
	f->title =
		judge_text(j, "%s reads slowly: %zu connection%s wait%s for its window, %s/s pass",
			pid ? process_label(j, m, pid) : peer.name, n, n == 1 ? "" : "s",
			n == 1 ? "s" : "", human_bytes(bytes * 1e9 / elapsed_ns).s);
	f->cause =
		"the sender has data, the network would take it, and the reader's window has no "
		"room: its program reads more slowly than data comes, or its buffer is small for "
		"so long a path";
	add_todo(j, m, f, z);
	f->refuted_if = "the reader has a rate limit, or throughput is what it should be";
	f->share = z->busy_ns > 0 ? z->limited_ns / z->busy_ns : 0;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct slows list = { .n = 0 };
	bool done[FLOWS_MAX] = { false };

	if (model_elapsed_ns(m, TABLE_tcp_socket) < LOOK_NS)
		return judge_unknown_why(j, STATE_ABSENT, "one look at the sockets shows no pace");
	find(m, &list);
	if (!ask(m, j, &list))
		return VERDICT_ASK;
	for (size_t i = 0, groups = 0; i < list.n && groups < GROUPS_MAX; i++) {
		if (done[i])
			continue;
		for (size_t k = i; k < list.n; k++)
			done[k] |= same_reader(m, &list.of[i], &list.of[k]);
		report(j, m, &list, i);
		groups++;
	}
	return list.n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_tcp_slow_reader = {
	.id = "tcp.slow-reader",
	.question = "Do senders wait for a peer that reads slowly?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
