/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp_verdict.h"

#include <string.h>

/*
 * The kernel has made a connection, and its process does not take it. A server accepts in
 * milliseconds; clients, load balancers and health checks give up after some seconds.
 */
#define WAITS_WHY "servers accept in milliseconds; health checks give up after 5 s"

enum { LISTENERS_MAX = 32, VICTIMS_SHOWN = 4 };

struct queue {
	const struct tcp_socket *listener;
	size_t waiting;      /* so long, and in both frames */
	uint64_t longest_ns; /* at least */
};

static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_LISTEN || tcp_not_accepted(s);
}

/* Since the handshake, or its last word: it waits for that long at the least. */
static uint64_t waits_ns(const struct model *m, const struct tcp_socket *s)
{
	if (!tcp_not_accepted(s) || !tcp_before(m, s) || !row_has(s->has, TCP_SOCKET_last_ack_ns))
		return 0;
	return s->last_ack_ns;
}

/* A full queue, and whoever is turned away from it, is tcp.listen-overflow's. */
static bool judged(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_LISTEN && s->receive_queue > 0 &&
	       s->receive_queue <= s->send_queue;
}

static bool waits_at(const struct table *t, const struct tcp_socket *s, const struct tcp_socket *l)
{
	const char *address = table_text(t, l->local);

	return s->netns == l->netns && s->local_port == l->local_port &&
	       (s->local == l->local || strcmp(address, "0.0.0.0") == 0 ||
		       strcmp(address, "::") == 0);
}

static size_t find(const struct model *m, struct queue *list)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	size_t n = 0;

	for (table_each(struct tcp_socket, l, t)) {
		struct queue q = { .listener = l };

		if (!judged(l))
			continue;
		for (table_each(struct tcp_socket, s, t)) {
			uint64_t ns = waits_at(t, s, l) ? waits_ns(m, s) : 0;

			q.waiting += ns >= TCP_ACCEPT_NS;
			q.longest_ns = ns > q.longest_ns ? ns : q.longest_ns;
		}
		if (q.waiting > 0 && n < LISTENERS_MAX)
			list[n++] = q;
	}
	return n;
}

static void add_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct queue *q)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	size_t n = 0;

	for (table_each(struct tcp_socket, s, t)) {
		if (waits_at(t, s, q->listener) && waits_ns(m, s) >= TCP_ACCEPT_NS &&
			n++ < VICTIMS_SHOWN)
			finding_victim(f, entity_connection(j, t, s, 0));
	}
	f->more_victims += n > VICTIMS_SHOWN ? n - VICTIMS_SHOWN : 0;
}

static const char *why(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);

	if (p && (p->state == 'T' || p->state == 't'))
		return "the process is stopped (SIGSTOP or a debugger)";
	if (p && p->state == 'D')
		return "the process is blocked in the kernel, most often by a disk";
	return "its threads wait for something else, all its workers are taken, or the listener "
	       "fell out of its event loop (an error of accept(), such as EMFILE, that stopped it)";
}

static void report(struct judgement *j, const struct model *m, const struct queue *q)
{
	const struct tcp_socket *l = q->listener;
	const struct socket_owner *owner = tcp_owner(m, l->inode);
	uint64_t pid = owner ? owner->pid : 0;
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	struct entity listener = entity_listener(j, frame_table(m->now, TABLE_tcp_socket), l, pid);

	if (pid)
		finding_culprit(f, entity_process(j, m, pid));
	finding_culprit(f, listener);
	add_victims(j, m, f, q);
	finding_evidence(f, "never_accepted.connections", UNIT_COUNT,
		reading_of((double)q->waiting), "sock_diag: no inode", reading_of(1),
		"the same in both frames");
	finding_evidence(f, "never_accepted.longest_ns", UNIT_NS, reading_of((double)q->longest_ns),
		"sock_diag tcpi_last_ack_recv", reading_of((double)TCP_ACCEPT_NS), WAITS_WHY);
	finding_evidence(f, "tcp_socket.receive_queue", UNIT_COUNT,
		reading_of((double)l->receive_queue), "sock_diag Recv-Q of the listener",
		reading_none(STATE_ABSENT),
		judge_text(j, "connections that were not accepted; the limit is %llu",
			(unsigned long long)l->send_queue));
	f->title =
		judge_text(j, "%s does not accept: %zu connection%s to %s wait%s for %s and longer",
			pid ? process_label(j, m, pid) : "A process", q->waiting,
			q->waiting == 1 ? "" : "s", listener.name, q->waiting == 1 ? "s" : "",
			human_ns((double)TCP_ACCEPT_NS).s);
	f->cause = judge_text(
		j, "clients are connected, as they see it, and nobody reads them: %s", why(m, pid));
	finding_todo(f, judge_text(j, "watch the queue (Recv-Q):  %sss -ltnp 'sport = :%u'",
				netns_enter(j, l->netns, pid), l->local_port));
	if (pid) {
		finding_todo(f, judge_text(j,
					"see what its threads wait for:  grep . "
					"/proc/%llu/task/*/wchan /proc/%llu/task/*/syscall",
					(unsigned long long)pid, (unsigned long long)pid));
		finding_todo(f, judge_text(j, "if it hangs:  %s", restart_command(j, m, pid)));
	}
	finding_todo(f,
		"in the program: accept in a thread that nothing else blocks; after EMFILE go "
		"on accepting later; close what cannot be served");
	f->refuted_if = "Recv-Q of the listener falls to 0";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct queue list[LISTENERS_MAX];
	size_t n = find(m, list);
	bool known = true;

	if (model_elapsed_ns(m, TABLE_tcp_socket) == 0)
		return judge_unknown_why(
			j, STATE_ABSENT, "one look at the sockets does not show who waits");
	for (size_t i = 0; i < n; i++)
		known &= judge_ask(j, m, TABLE_socket_owner, list[i].listener->inode);
	if (!known)
		return VERDICT_ASK;
	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i]);
	return n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_tcp_never_accepted = {
	.id = "tcp.never-accepted",
	.question = "Do connections wait for a process that does not accept them?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
