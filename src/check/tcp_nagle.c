/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp_verdict.h"

#include <string.h>

/*
 * Two small writes and then a wait for the answer: Nagle's algorithm holds the second until the
 * first is acknowledged, and the other end delays that ACK by 40 ms, since it has nothing to say
 * before it has the second.
 *
 * One look at a socket sees such a hold while it lasts: something is sent and not acknowledged, a
 * piece of less than a segment waits, nothing but Nagle's rule forbids to send it, and that for
 * longer than an ACK would take. It makes a suspect only; how often it happens is traced.
 */
#define SUSPECT_WHY "an ACK comes after a round trip; 12 ms are three ticks of the kernel's clock"
/* Of a look of two frames and a trace: one alone may be a chance. */
enum { SEEN_MIN = 2 };
#define SEEN_WHY "one alone may be a chance"
static const double STALL_NS = 20e6;
#define STALL_WHY "no ACK takes so long beyond a round trip unless it is delayed on purpose"

enum { SUSPECTS_MAX = 256, GROUPS_MAX = 64 };

/* What processes of one name have held, or, where no process is known, one connection. */
struct group {
	uint64_t pid;                   /* of several the one that has waited most */
	const struct nagle_hold *worst; /* NULL: not traced */
	const struct tcp_socket *suspect;
	const struct table *suspect_table;
	uint64_t stalls, answered, delayed_acks, stalled_ns, longest_ns;
	size_t hits;
};

struct suspect {
	const struct tcp_socket *socket;
	const struct table *table;
};

struct suspects {
	struct suspect of[SUSPECTS_MAX];
	size_t n;
	struct group group[GROUPS_MAX];
	size_t groups;
};

static bool keep(const void *row)
{
	return tcp_nagle_suspect(row);
}

static void find(const struct frame *f, struct suspects *list)
{
	const struct table *t = frame_table(f, TABLE_tcp_socket);

	for (table_each(struct tcp_socket, s, t)) {
		if (keep(s) && list->n < SUSPECTS_MAX)
			list->of[list->n++] = (struct suspect){ s, t };
	}
}

/* True when all is known that can be. */
static bool ask(const struct model *m, struct judgement *j, const struct suspects *list)
{
	bool known = judge_ask(j, m, TABLE_nagle_watch, 0);

	for (size_t i = 0; i < list->n; i++) {
		known &= judge_ask(j, m, TABLE_nagle_hold, list->of[i].socket->cookie);
		known &= judge_ask(j, m, TABLE_socket_owner, list->of[i].socket->inode);
	}
	for (table_each(struct nagle_hold, h, frame_table(m->now, TABLE_nagle_hold))) {
		if (h->stalls > 0 && h->acker_inode)
			known &= judge_ask(j, m, TABLE_socket_owner, h->acker_inode);
	}
	return known;
}

/* Workers of a server write by the same line of code. */
static bool same_program(const struct model *m, uint64_t a, uint64_t b)
{
	const struct process_facts *x = process_find(m->process, a);
	const struct process_facts *y = process_find(m->process, b);

	return a == b || (x && y && strcmp(x->comm, y->comm) == 0);
}

static struct group *group_of(const struct model *m, struct suspects *list, uint64_t pid)
{
	for (size_t i = 0; pid && i < list->groups; i++) {
		if (list->group[i].pid && same_program(m, list->group[i].pid, pid))
			return &list->group[i];
	}
	if (list->groups == GROUPS_MAX)
		return NULL;
	struct group *new = &list->group[list->groups++];

	*new = (struct group){ .pid = pid };
	return new;
}

static size_t hits_of(const struct suspects *list, uint64_t cookie)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += list->of[i].socket->cookie == cookie;
	return n;
}

static void fold_traced(const struct model *m, struct suspects *list)
{
	for (table_each(struct nagle_hold, h, frame_table(m->now, TABLE_nagle_hold))) {
		struct group *to = h->stalls > 0 ? group_of(m, list, h->pid) : NULL;

		if (!to)
			continue;
		if (!to->worst || h->stalled_ns > to->worst->stalled_ns) {
			to->worst = h;
			to->pid = h->pid;
		}
		to->stalls += h->stalls;
		to->stalled_ns += h->stalled_ns;
		to->answered += h->answered;
		to->delayed_acks += h->delayed_acks;
		to->longest_ns = h->longest_ns > to->longest_ns ? h->longest_ns : to->longest_ns;
		to->hits += hits_of(list, h->cookie);
	}
}

static void fold_suspects(const struct model *m, struct suspects *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct suspect *s = &list->of[i];
		const struct socket_owner *owner = tcp_owner(m, s->socket->inode);
		struct group *to = group_of(m, list, owner ? owner->pid : 0);

		if (!to)
			continue;
		to->suspect = s->socket;
		to->suspect_table = s->table;
		to->hits++;
	}
}

static uint32_t family_of(const struct table *t, text_t address)
{
	return strchr(table_text(t, address), ':') ? 10 : 2;
}

/* "lab-client (pid 12)", or "6 processes lab-client". */
static const char *writers(struct judgement *j, const struct model *m, const struct group *g)
{
	const struct table *t = frame_table(m->now, TABLE_nagle_hold);
	const struct process_facts *p = process_find(m->process, g->pid);
	size_t n = 0;

	if (!g->pid)
		return "a process";
	for (table_each(struct nagle_hold, h, t)) {
		bool known = h->stalls == 0 || !same_program(m, h->pid, g->pid);

		for (const struct nagle_hold *k = t->row; !known && k != h; k++)
			known = k->stalls > 0 && k->pid == h->pid;
		n += !known;
	}
	return p && n > 1 ? judge_text(j, "%zu processes %s", n, p->comm)
			  : process_label(j, m, g->pid);
}

static void add_trace(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *g)
{
	const struct nagle_watch *w = frame_row(m->now, TABLE_nagle_watch);
	const char *source = w && row_has(w->has, NAGLE_WATCH_probe)
				     ? table_text(frame_table(m->now, TABLE_nagle_watch), w->probe)
				     : "tracing";

	finding_evidence(f, "nagle.seen", UNIT_COUNT, reading_of((double)(g->stalls + g->hits)),
		"eBPF, sock_diag", reading_of(SEEN_MIN), SEEN_WHY);
	finding_evidence(f, "nagle.stall_ns", UNIT_NS,
		ratio_of((double)g->stalled_ns, (double)g->stalls), source, reading_of(STALL_NS),
		STALL_WHY);
	finding_evidence(f, "nagle.longest_ns", UNIT_NS, reading_of((double)g->longest_ns), source,
		reading_none(STATE_ABSENT), NULL);
	finding_evidence(f, "nagle.answered", UNIT_COUNT, reading_of((double)g->answered), source,
		reading_none(STATE_ABSENT),
		"the peer sent data after so many stalls, before anything else was written");
	finding_evidence(f, "nagle.delayed_acks", UNIT_COUNT, reading_of((double)g->delayed_acks),
		"tracepoint timer_expire_entry", reading_none(STATE_ABSENT),
		"stalls that the delayed-ACK timer of the other end ended, where that is here");
	finding_evidence(f, "nagle_hold.sent_bytes", UNIT_BYTES,
		reading_of((double)g->worst->sent_bytes), source, reading_none(STATE_ABSENT),
		"the first write of the last one");
	finding_evidence(f, "nagle_hold.held_bytes", UNIT_BYTES,
		reading_of((double)g->worst->held_bytes), source, reading_none(STATE_ABSENT),
		"what was written then and had to wait");
	if (w)
		finding_evidence(f, "nagle_watch.watched_ns", UNIT_NS,
			reading_of((double)w->watched_ns), source, reading_none(STATE_ABSENT),
			row_has(w->has, NAGLE_WATCH_run_ns)
				? judge_text(j, "which took %s of CPU time from others",
					  human_ns((double)w->run_ns).s)
				: NULL);
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *f, uint64_t pid,
	uint64_t netns, uint32_t port)
{
	finding_todo(f, judge_text(j,
				"see it (notsent, unacked, lastsnd):  %sss -tino '( dport = "
				":%u )'",
				netns_enter(j, netns, pid), port));
	if (pid)
		finding_todo(f, judge_text(j,
					"see its writes:  strace -f -e trace=network,write,writev "
					"-p %llu",
					(unsigned long long)pid));
	finding_todo(f, "in the program, best: give all that belongs together to one writev(), or "
			"collect it in a buffer");
	finding_todo(f, "in the program, simplest: setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, "
			"sizeof(one)) after connect() and accept()");
	finding_todo(f, "in the program, where pieces come one by one: send() all but the last "
			"with MSG_MORE, or set TCP_CORK and take it off again");
	finding_todo(f,
		"without touching it: many programs have a setting for TCP_NODELAY; a route "
		"of the other end with quickack 1 makes it acknowledge at once");
}

#define REFUTED                                                                                   \
	"its answers are as late with TCP_NODELAY, or nobody waits for what it writes: a log, a " \
	"stream without answers"

static void report_traced(struct judgement *j, const struct model *m, const struct group *g)
{
	const struct table *t = frame_table(m->now, TABLE_nagle_hold);
	const struct nagle_watch *w = frame_row(m->now, TABLE_nagle_watch);
	const struct nagle_hold *h = g->worst;
	bool waits = g->stalls >= SEEN_MIN && g->answered > 0;
	struct finding *f = judge_finding(j, waits ? SEVERITY_WARNING : SEVERITY_INFO,
		g->delayed_acks > 0 ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
	struct entity peer = entity_peer(j, t, family_of(t, h->peer), h->peer, h->peer_port);
	const struct socket_owner *acker = tcp_owner(m, h->acker_inode);

	if (g->pid)
		finding_culprit(f, entity_process(j, m, g->pid));
	finding_culprit(f, peer);
	add_trace(j, m, f, g);
	if (acker)
		finding_evidence_text(f, "nagle.acker", process_label(j, m, acker->pid),
			"/proc/PID/fd: who delayed the ACKs");
	f->title = judge_text(j,
		"Small writes of %s wait %s for an ACK of %s, %llu times in %s: Nagle's algorithm",
		writers(j, m, g), human_ns((double)g->stalled_ns / (double)g->stalls).s, peer.name,
		(unsigned long long)g->stalls, human_ns(w ? (double)w->watched_ns : 0).s);
	f->cause =
		"it writes one message in several small pieces and then waits for the answer: "
		"TCP holds all but the first piece until that is acknowledged (Nagle's "
		"algorithm), and the other end delays the ACK, since it has nothing to answer yet";
	add_todo(j, m, f, g->pid, h->netns, h->peer_port);
	f->refuted_if = REFUTED;
	if (w && w->watched_ns > 0)
		f->share = (double)g->stalled_ns / (double)w->watched_ns;
}

static void report_suspect(struct judgement *j, const struct model *m, const struct group *g)
{
	const struct table *holds = frame_table(m->now, TABLE_nagle_hold);
	const struct tcp_socket *s = g->suspect;
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_POSSIBLE);
	struct entity peer = entity_peer(j, g->suspect_table, s->family, s->peer, s->peer_port);

	if (g->pid)
		finding_culprit(f, entity_process(j, m, g->pid));
	finding_culprit(f, peer);
	finding_evidence(f, "nagle.seen", UNIT_COUNT, reading_of((double)g->hits), "sock_diag",
		reading_of(SEEN_MIN), SEEN_WHY);
	finding_evidence(f, "tcp_socket.last_sent_ns", UNIT_NS, reading_of((double)s->last_sent_ns),
		"sock_diag tcpi_last_data_sent", reading_of((double)(s->min_rtt_ns + TCP_NAGLE_NS)),
		SUSPECT_WHY);
	finding_evidence(f, "tcp_socket.notsent_bytes", UNIT_BYTES,
		reading_of((double)s->notsent_bytes), "sock_diag tcpi_notsent_bytes",
		reading_none(STATE_ABSENT), "held, though both windows have room");
	finding_evidence_text(
		f, "nagle_hold", holds && holds->why[0] ? holds->why : "not traced", "eBPF");
	f->title = judge_text(j,
		"Small writes of %s may wait for delayed ACKs of %s: Nagle's algorithm",
		g->pid ? process_label(j, m, g->pid) : "a process", peer.name);
	f->cause = "a small piece was written and held while the one before was not acknowledged; "
		   "how often that happens was not traced";
	add_todo(j, m, f, g->pid, s->netns, s->peer_port);
	f->refuted_if = REFUTED;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct suspects list = { .n = 0 };
	enum verdict verdict = VERDICT_FINE;

	find(m->now, &list);
	find(m->was, &list);
	if (list.n == 0)
		return VERDICT_FINE;
	if (!ask(m, j, &list))
		return VERDICT_ASK;
	bool traced = table_usable(frame_table(m->now, TABLE_nagle_hold));

	if (traced)
		fold_traced(m, &list);
	else
		fold_suspects(m, &list);
	for (size_t i = 0; i < list.groups; i++) {
		const struct group *g = &list.group[i];

		if (traced && g->stalls + g->hits < SEEN_MIN)
			continue;
		if (traced)
			report_traced(j, m, g);
		else
			report_suspect(j, m, g);
		verdict = VERDICT_SAD;
	}
	return verdict;
}

const struct check check_tcp_nagle = {
	.id = "tcp.nagle",
	.question = "Does a process wait for delayed ACKs because it writes in small pieces?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_nagle_hold, .ask = true },
		{ .table = TABLE_nagle_watch, .ask = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
