/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp.h"

/*
 * The queue of connections that wait for accept() has a limit, min(backlog of listen(),
 * somaxconn). While more wait than that the kernel drops SYNs and final ACKs
 * (net/ipv4/tcp_ipv4.c, tcp_v4_syn_recv_sock(); sk_acceptq_is_full() is "more than the limit").
 * ListenOverflows counts it per network namespace, not per listener; sk_drops per listener, but for
 * other reasons too: it rises on healthy traffic, so alone it is no proof.
 */
#define OVERFLOW_WHY "during the look; each is a client that was turned away"
#define FULL_WHY "the kernel refuses when more wait than the limit"
/* A process that used no more than this did not even try to accept. */
#define STUCK_CPU_RATIO 0.02
/* More than this and it was busy on a CPU instead. */
#define BUSY_CPU_RATIO 0.8
#define FD_FULL_RATIO 0.98

enum { LISTENERS_MAX = 32, VICTIMS_SHOWN = 4 };

struct overflow {
	const struct tcp_socket *s;
	bool full_now, full_was;
	double drops;     /* of the listener, during the look */
	double overflows; /* of its network namespace, during the look */
};

/* Listeners, and what waits in their queues: an inode comes with accept(). */
static bool keep(const void *row)
{
	const struct tcp_socket *s = row;

	return s->state == TCP_STATE_LISTEN ||
	       (s->inode == 0 &&
		       (s->state == TCP_STATE_ESTABLISHED || s->state == TCP_STATE_CLOSE_WAIT));
}

static bool full(const struct tcp_socket *s)
{
	return s && s->receive_queue > s->send_queue;
}

static double namespace_overflows(const struct model *m, uint64_t netns)
{
	const struct snmp *row = table_find(frame_table(m->now, TABLE_snmp), netns);
	struct reading r = row ? model_delta(m, TABLE_snmp, row, SNMP_tcp_listen_overflows)
			       : reading_none(STATE_ABSENT);

	return r.value;
}

static struct overflow look_at(const struct model *m, const struct tcp_socket *s)
{
	return (struct overflow){ .s = s,
		.full_now = full(s),
		.full_was = full(tcp_before(m, s)),
		.drops = model_delta(m, TABLE_tcp_socket, s, TCP_SOCKET_drops).value,
		.overflows = namespace_overflows(m, s->netns) };
}

/* A queue that was full for one moment, with nobody turned away, was full enough. */
static bool sad(const struct overflow *o)
{
	if (o->full_now && (o->full_was || o->overflows > 0))
		return true;
	return o->overflows > 0 && o->drops > 0;
}

static size_t find(const struct model *m, struct overflow *list)
{
	size_t n = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		struct overflow o = look_at(m, s);

		if (s->state == TCP_STATE_LISTEN && sad(&o) && n < LISTENERS_MAX)
			list[n++] = o;
	}
	return n;
}

static void add_evidence(struct judgement *j, struct finding *f, const struct overflow *o)
{
	finding_evidence_alarm(f, "tcp_socket.receive_queue", UNIT_COUNT,
		reading_of((double)o->s->receive_queue), "sock_diag Recv-Q of the listener",
		ALARM_ABOVE, reading_of((double)o->s->send_queue), FULL_WHY);
	finding_evidence(f, "snmp.tcp_listen_overflows", UNIT_COUNT, reading_of(o->overflows),
		o->s->netns ? judge_text(j, "/proc/net/netstat of network namespace %llu",
				      (unsigned long long)o->s->netns)
			    : "/proc/net/netstat",
		reading_of(0), OVERFLOW_WHY);
	finding_evidence(f, "tcp_socket.drops", UNIT_COUNT, reading_of(o->drops),
		"sock_diag SK_MEMINFO_DROPS", reading_none(STATE_ABSENT),
		"during the look; says which listener, but rises for other reasons too");
}

/* Which of the two limits made the queue that short. */
static const char *limit_text(
	struct judgement *j, const struct model *m, const struct tcp_socket *s)
{
	const struct sysctl *set = frame_row(m->now, TABLE_sysctl);
	unsigned long long limit = s->send_queue;

	if (s->netns || !set || !row_has(set->has, SYSCTL_net_somaxconn))
		return judge_text(j, "its limit is %llu", limit);
	if (s->send_queue >= set->net_somaxconn)
		return judge_text(j, "its limit, %llu, is net.core.somaxconn", limit);
	return judge_text(j,
		"its limit, %llu, is what the program asked for in listen(): "
		"net.core.somaxconn would allow %llu",
		limit, (unsigned long long)set->net_somaxconn);
}

static bool out_of_fds(const struct model *m, uint64_t pid)
{
	const struct process_fd *fd = table_find(frame_table(m->now, TABLE_process_fd), pid);
	const struct process_limits *l = table_find(frame_table(m->now, TABLE_process_limits), pid);

	return fd && l && row_has(l->has, PROCESS_LIMITS_fd_soft) &&
	       (double)fd->open >= FD_FULL_RATIO * (double)l->fd_soft;
}

static const char *why_slow(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);

	if (out_of_fds(m, pid))
		return "it has no descriptor left, so accept() fails";
	if (!p)
		return "it accepts slower than clients come";
	if (p->state == 'T' || p->state == 't')
		return "it is stopped (SIGSTOP or a debugger)";
	if (p->state == 'D')
		return "it is blocked in the kernel, most often by a disk";
	if (!reading_ok(p->cpu_ratio))
		return "it accepts slower than clients come";
	if (p->cpu_ratio.value <= STUCK_CPU_RATIO)
		return "it used no CPU during the look: it is not accepting at all (stuck, "
		       "waiting for something else, or all its workers are taken)";
	if (p->cpu_ratio.value >= BUSY_CPU_RATIO)
		return "it is busy on a CPU: one thread accepts and cannot keep up";
	return "it accepts slower than clients come";
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *f,
	const struct overflow *o, uint64_t pid)
{
	const struct sysctl *set = frame_row(m->now, TABLE_sysctl);
	unsigned long long id = pid;

	finding_todo(f,
		judge_text(j, "watch the queue (Recv-Q against Send-Q):  %sss -ltnp 'sport = :%u'",
			netns_enter(j, o->s->netns, pid), o->s->local_port));
	if (pid)
		finding_todo(f, judge_text(j,
					"see what its threads wait for:  grep . "
					"/proc/%llu/task/*/wchan /proc/%llu/task/*/syscall",
					id, id));
	finding_todo(f, "first let it accept faster: more workers, no blocking work in the thread "
			"that accepts; a longer queue only absorbs bursts");
	if (set && o->s->netns == 0 && o->s->send_queue >= set->net_somaxconn)
		finding_todo(f, "for bursts, then restart or reload the program:  sysctl -w "
				"net.core.somaxconn=4096");
	else
		finding_todo(f,
			"for bursts, in the program's settings: a larger backlog (nginx "
			"\"listen ... backlog=\", Java acceptCount, PHP-FPM listen.backlog)");
	if (pid)
		finding_todo(f, judge_text(j, "if it is stuck:  %s", restart_command(j, m, pid)));
}

/* Who waits in that queue. */
static size_t add_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct tcp_socket *l)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	size_t n = 0;

	for (table_each(struct tcp_socket, s, t)) {
		if (s->state == TCP_STATE_LISTEN || s->inode != 0 || s->netns != l->netns ||
			s->local_port != l->local_port)
			continue;
		if (n++ < VICTIMS_SHOWN)
			finding_victim(f, entity_connection(j, t, s, 0));
	}
	f->more_victims += n > VICTIMS_SHOWN ? n - VICTIMS_SHOWN : 0;
	return n;
}

static void report(struct judgement *j, const struct model *m, const struct overflow *o)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const struct socket_owner *owner = tcp_owner(m, o->s->inode);
	uint64_t pid = owner ? owner->pid : 0;
	bool lasts = o->full_now && o->full_was;
	struct entity listener = entity_listener(j, t, o->s, pid);
	struct finding *f =
		judge_finding(j, lasts && o->overflows > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING,
			o->full_now && o->overflows > 0 ? CONFIDENCE_CERTAIN
			: o->overflows > 0              ? CONFIDENCE_LIKELY
							: CONFIDENCE_POSSIBLE);

	add_evidence(j, f, o);
	if (pid)
		finding_culprit(f, entity_process(j, m, pid));
	finding_culprit(f, listener);
	add_victims(j, m, f, o->s);
	f->title = judge_text(j, "%s turns clients away: %llu wait for accept(), limit %llu%s%s",
		listener.name, (unsigned long long)o->s->receive_queue,
		(unsigned long long)o->s->send_queue, pid ? ", " : "",
		pid ? process_label(j, m, pid) : "");
	if (owner && owner->holders > 1)
		finding_evidence(f, "socket_owner.holders", UNIT_COUNT,
			reading_of((double)owner->holders), "/proc/PID/fd",
			reading_none(STATE_ABSENT), "processes that share the listener");
	f->cause = judge_text(j, "the accept queue is full: %s; %s",
		pid ? why_slow(m, pid) : "its process accepts slower than clients come",
		limit_text(j, m, o->s));
	f->share =
		o->s->send_queue ? (double)o->s->receive_queue / (double)(o->s->send_queue + 1) : 1;
	f->share = f->share > 1 ? 1 : f->share;
	add_todo(j, m, f, o, pid);
	f->refuted_if = judge_text(j,
		"Recv-Q of the listener falls below Send-Q, and this stands still:  "
		"%snstat -az TcpExtListenOverflows",
		netns_enter(j, o->s->netns, pid));
}

/* The kernel counted, and no listener in sight did it: it is gone, or recovered in time. */
static void report_host(struct judgement *j, double overflows)
{
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);

	finding_evidence(f, "snmp.tcp_listen_overflows", UNIT_COUNT, reading_of(overflows),
		"/proc/net/netstat", reading_of(0), OVERFLOW_WHY);
	finding_culprit(f, entity_host());
	f->title =
		judge_text(j, "Accept queues turned %.0f clients away during the look", overflows);
	f->cause =
		"a listener's accept queue was full: its program accepted slower than clients came";
	finding_todo(f, "see which queue fills, while it is busy:  watch -d ss -ltn");
	finding_todo(f, "count them:  nstat -az TcpExtListenOverflows TcpExtListenDrops");
	f->refuted_if = "no queue fills at the busiest hour";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct overflow list[LISTENERS_MAX];
	const struct tcp_model *tm = m->tcp;
	bool known = true;

	if (!table_usable(frame_table(m->now, TABLE_tcp_socket)))
		return judge_unknown(j, m, TABLE_tcp_socket);
	size_t n = find(m, list);

	for (size_t i = 0; i < n; i++)
		known &= judge_ask(j, m, TABLE_socket_owner, list[i].s->inode);
	if (!known)
		return VERDICT_ASK;
	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i]);
	if (n > 0)
		return VERDICT_SAD;
	/* Those of before the look tell of another hour: a vital sign, no finding. */
	if (!reading_ok(tm->listen_overflows))
		return judge_unknown(j, m, TABLE_snmp);
	if (tm->listen_overflows.value == 0)
		return VERDICT_FINE;
	report_host(j, tm->listen_overflows.value);
	return VERDICT_SAD;
}

const struct check check_tcp_listen_overflow = {
	.id = "tcp.listen-overflow",
	.question = "Does a listener turn clients away because its accept queue is full?",
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_snmp, .rate = true, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true },
		{ .table = TABLE_sysctl, .optional = true },
		{ .table = TABLE_process_fd, .optional = true },
		{ .table = TABLE_process_limits, .optional = true } },
	.models = { MODEL_process, MODEL_tcp },
	.judge = judge,
};
