/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp.h"

#include <string.h>

/*
 * The peer has reset the connection, or TCP gave it up, and the process has not asked: it holds a
 * descriptor of nothing. Such a socket is in no table that sock_diag reads; who holds it knows. It
 * is searched for only where the kernel counts more sockets than are shown.
 */
enum { HIDDEN_MIN = 16 };
/* A pool has some, and finds out when it uses them next. */
enum { SAD = 20 };
#define SAD_WHY "one process rarely has that many at once, and nobody closes them"
static const uint64_t OLD_NS = UINT64_C(10000000000);
#define OLD_WHY "a program that waits for its sockets is woken at once and closes them"

enum { GROUPS_MAX = 64 };

struct group {
	uint64_t pid;
	size_t unseen, young, served; /* served: on a port on which somebody listens */
	uint64_t oldest_ns, youngest_ns;
	const struct tcp_closed *example;
};

struct groups {
	struct group of[GROUPS_MAX];
	size_t n;
};

static bool keep(const void *row)
{
	return ((const struct tcp_socket *)row)->state == TCP_STATE_LISTEN;
}

/* Sockets that the kernel has and sock_diag does not show: closed ones, and never connected. */
static bool many_hidden(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_sockstat);
	const struct sockstat *s = frame_row(m->now, TABLE_sockstat);
	struct reading all =
		s ? table_cell(t, s, SOCKSTAT_tcp_allocated) : reading_none(STATE_ABSENT);
	double shown = 0;

	for (table_each(struct tcp_total, row, frame_table(m->now, TABLE_tcp_total))) {
		/* These two have no socket of their own. */
		if (row->state != TCP_STATE_TIME_WAIT && row->state != TCP_STATE_NEW_SYN_RECV)
			shown += (double)row->sockets;
	}
	return reading_ok(all) && all.value >= shown + HIDDEN_MIN;
}

static bool is_served(const struct model *m, const struct tcp_closed *c)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		if (s->state == TCP_STATE_LISTEN && s->netns == c->netns &&
			s->local_port == c->local_port)
			return true;
	}
	return false;
}

static struct group *group_of(struct groups *g, uint64_t pid)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->of[i].pid == pid)
			return &g->of[i];
	}
	if (g->n == GROUPS_MAX)
		return NULL;
	g->of[g->n] = (struct group){ .pid = pid };
	return &g->of[g->n++];
}

static void find(const struct model *m, struct groups *g)
{
	for (table_each(struct tcp_closed, c, frame_table(m->now, TABLE_tcp_closed))) {
		struct group *to = c->error && row_has(c->has, TCP_CLOSED_pid) &&
						   row_has(c->has, TCP_CLOSED_closed_ns)
					   ? group_of(g, c->pid)
					   : NULL;

		if (!to)
			continue;
		if (c->closed_ns < OLD_NS) {
			to->young++;
			continue;
		}
		to->unseen++;
		to->served += is_served(m, c);
		if (to->youngest_ns == 0 || c->closed_ns < to->youngest_ns)
			to->youngest_ns = c->closed_ns;
		if (c->closed_ns >= to->oldest_ns) {
			to->oldest_ns = c->closed_ns;
			to->example = c;
		}
	}
}

static void add_evidence(struct judgement *j, struct finding *f, const struct group *g)
{
	finding_evidence(f, "tcp_closed.sockets", UNIT_COUNT, reading_of((double)g->unseen),
		"eBPF task_file", reading_of(SAD), SAD_WHY);
	finding_evidence(f, "tcp_closed.youngest_ns", UNIT_NS, reading_of((double)g->youngest_ns),
		"eBPF tcp_mstamp", reading_of((double)OLD_NS), OLD_WHY);
	finding_evidence(f, "tcp_closed.oldest_ns", UNIT_NS, reading_of((double)g->oldest_ns),
		"eBPF tcp_mstamp", reading_none(STATE_ABSENT), NULL);
	finding_evidence_text(f, "tcp_closed.error", strerror((int)g->example->error),
		"eBPF sk_err: nobody has asked for it");
	finding_evidence(f, "tcp_closed.served", UNIT_COUNT, reading_of((double)g->served),
		"eBPF, sock_diag", reading_none(STATE_ABSENT),
		"came in, to a port that somebody listens on; the others were opened from here");
	if (g->young > 0)
		finding_evidence(f, "tcp_closed.young", UNIT_COUNT, reading_of((double)g->young),
			"eBPF", reading_none(STATE_ABSENT), "more that ended less than 10 s ago");
}

static void report(struct judgement *j, const struct model *m, const struct group *g)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_closed);
	const struct tcp_closed *c = g->example;
	/* A pool finds out with the next use of each; a server never uses them again. */
	bool server = g->served >= SAD;
	struct finding *f =
		judge_finding(j, server ? SEVERITY_WARNING : SEVERITY_INFO, CONFIDENCE_CERTAIN);
	struct entity peer = entity_peer(j, t, c->family, c->peer, server ? 0 : c->peer_port);

	add_evidence(j, f, g);
	finding_culprit(f, entity_process(j, m, g->pid));
	finding_victim(f, entity_process(j, m, g->pid));
	f->title = judge_text(j,
		"%s has not noticed that %s of its connections are over, the oldest for %s",
		process_label(j, m, g->pid), human_number((double)g->unseen).s,
		human_ns((double)g->oldest_ns).s);
	f->cause = judge_text(j,
		"the other end (of the oldest: %s) has reset them, or gave no answer (%s), and the "
		"process neither reads nor writes nor closes them: each is a descriptor that it "
		"loses%s",
		peer.name, strerror((int)c->error),
		server ? "" : "; of an idle pool the next use of each will fail");
	finding_todo(f, judge_text(j,
				"ss does not show them, but its descriptors do:  ls -l "
				"/proc/%llu/fd | grep "
				"-c socket; ss -tanp | grep -c 'pid=%llu,'",
				(unsigned long long)g->pid, (unsigned long long)g->pid));
	finding_todo(f,
		judge_text(j, "what it waits for:  murphy why %llu", (unsigned long long)g->pid));
	finding_todo(f,
		server ? "in the program: wait for every connection that is open (epoll "
			 "reports EPOLLERR and EPOLLHUP unasked) and close what is over; while a "
			 "request is at work, too"
		       : "in the pool: test a connection before it is handed out, or close what "
			 "has been idle for some minutes");
	finding_todo(f, judge_text(j, "until then, before its descriptors run out:  %s",
				restart_command(j, m, g->pid)));
	f->refuted_if = "they are gone a minute later, or the program closes each as soon as its "
			"request is done";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct groups g = { .n = 0 };
	enum verdict verdict = VERDICT_FINE;

	if (!many_hidden(m))
		return VERDICT_FINE;
	if (!judge_ask(j, m, TABLE_tcp_closed, 0))
		return VERDICT_ASK;
	if (!table_usable(frame_table(m->now, TABLE_tcp_closed)))
		return judge_unknown(j, m, TABLE_tcp_closed);
	find(m, &g);
	for (size_t i = 0; i < g.n; i++) {
		if (g.of[i].unseen < SAD)
			continue;
		report(j, m, &g.of[i]);
		verdict = VERDICT_SAD;
	}
	return verdict;
}

const struct check check_tcp_reset_unseen = {
	.id = "tcp.reset-unseen",
	.question = "Does a process hold connections that are over without knowing?",
	.needs = { { .table = TABLE_sockstat }, { .table = TABLE_tcp_total },
		{ .table = TABLE_tcp_socket, .optional = true, .keep = keep },
		{ .table = TABLE_tcp_closed, .ask = true, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
