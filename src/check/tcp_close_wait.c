/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/tcp_verdict.h"

#include <string.h>

/*
 * The peer has closed; the process has not. Every connection passes through CLOSE_WAIT, for as
 * long as the program takes to read the end and close: milliseconds. One that has not heard from
 * its peer for a minute was forgotten.
 */
#define FORGOTTEN_WHY "a program that closes does so in less than a minute"
/* A few forgotten ones (every desktop has them) harm nobody. */
enum { FORGOTTEN_SAD = 10 };
/* This many of one process that all just sit there are no coincidence, even when they are young. */
enum { IDLE_SAD = 20 };
#define IDLE_WHY "one process rarely has that many at once; none of them moved during the look"
/* Of the limit of open files: soon the process can accept and open nothing. */
#define FD_CRITICAL_RATIO 0.9
/* From here on more room is worth a command. */
#define FD_SHORT_RATIO 0.5
static const uint64_t HOUR_NS = UINT64_C(3600000000000);

enum { GROUPS_MAX = 256, ANY_PORT = 0, ANCESTORS_MAX = 8 };

struct group {
	uint64_t pid;     /* 0: unknown; of several the one that has most */
	uint64_t head;    /* pid of the oldest ancestor of the same name; pid when there is none */
	size_t processes; /* below head, of the same name */
	size_t most;      /* sockets of pid */
	uint64_t netns;
	uint32_t port;      /* ours; ANY_PORT: several */
	size_t sockets;     /* in CLOSE_WAIT */
	size_t forgotten;   /* older than TCP_FORGOTTEN_NS */
	size_t idle;        /* there in both frames, nothing sent or read between */
	size_t fresh;       /* were not in CLOSE_WAIT in the frame before */
	size_t unread;      /* Recv-Q > 0: the end of the stream was not read */
	uint64_t oldest_ns; /* since the peer was heard last: at least that old */
	const struct tcp_socket *example;
	uint32_t uid;
};

struct groups {
	struct group of[GROUPS_MAX];
	size_t n;
};

static bool keep(const void *row)
{
	return ((const struct tcp_socket *)row)->state == TCP_STATE_CLOSE_WAIT;
}

/*
 * Connections that nobody accepted have no inode. They are the accept queue's trouble, judged by
 * tcp.listen-overflow.
 */
static bool counts(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_CLOSE_WAIT && s->inode != 0;
}

/* A half-closed connection that still sends its answer is at work. */
static bool idle(const struct model *m, const struct tcp_socket *s)
{
	const struct tcp_socket *was = tcp_before(m, s);

	return was && was->state == TCP_STATE_CLOSE_WAIT && was->acked_bytes == s->acked_bytes &&
	       was->receive_queue == s->receive_queue && was->send_queue == s->send_queue &&
	       s->notsent_bytes == 0;
}

/* By process; those whose process is not visible by user and network namespace. */
static struct group *group_of(struct groups *g, uint64_t pid, const struct tcp_socket *s)
{
	for (size_t i = 0; i < g->n; i++) {
		struct group *have = &g->of[i];

		if (pid ? have->pid == pid
			: (have->pid == 0 && have->netns == s->netns && have->uid == s->uid))
			return have;
	}
	if (g->n == GROUPS_MAX)
		return NULL;
	struct group *new = &g->of[g->n++];

	*new = (struct group){
		.pid = pid, .netns = s->netns, .port = s->local_port, .example = s, .uid = s->uid
	};
	return new;
}

static void fold(struct groups *g, const struct model *m)
{
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		const struct socket_owner *owner = tcp_owner(m, s->inode);
		struct group *to = counts(s) ? group_of(g, owner ? owner->pid : 0, s) : NULL;

		if (!to)
			continue;
		const struct tcp_socket *was = tcp_before(m, s);

		to->sockets++;
		to->forgotten += tcp_forgotten(s);
		to->idle += idle(m, s);
		to->fresh += m->was && (!was || was->state != TCP_STATE_CLOSE_WAIT);
		to->unread += s->receive_queue > 0;
		if (to->port != s->local_port)
			to->port = ANY_PORT;
		if (row_has(s->has, TCP_SOCKET_last_ack_ns) && s->last_ack_ns > to->oldest_ns)
			to->oldest_ns = s->last_ack_ns;
	}
}

/* The oldest ancestor of the same name: servers fork their workers. */
static uint64_t head_of(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);

	for (int i = 0; p && i < ANCESTORS_MAX; i++) {
		const struct process_facts *up = process_find(m->process, p->ppid);

		if (!up || up == p || strcmp(up->comm, p->comm) != 0)
			break;
		p = up;
	}
	return p ? p->pid : pid;
}

static void join(struct group *to, const struct group *from)
{
	if (from->most > to->most) {
		to->pid = from->pid;
		to->most = from->most;
	}
	if (from->idle > to->idle)
		to->idle = from->idle; /* many of one process count, not a few of each */
	if (from->oldest_ns > to->oldest_ns)
		to->oldest_ns = from->oldest_ns;
	if (from->port != to->port)
		to->port = ANY_PORT;
	to->processes += from->processes;
	to->sockets += from->sockets;
	to->forgotten += from->forgotten;
	to->fresh += from->fresh;
	to->unread += from->unread;
}

/* Workers of one server leak by the same line of code: a few in each are many in all. */
static void join_workers(struct groups *g, const struct model *m)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct group *one = &g->of[i];
		size_t k = 0;

		one->head = head_of(m, one->pid);
		one->most = one->sockets;
		one->processes = 1;
		while (k < n && (one->pid == 0 || g->of[k].pid == 0 || g->of[k].head != one->head ||
					g->of[k].netns != one->netns))
			k++;
		if (k < n)
			join(&g->of[k], one);
		else
			g->of[n++] = *one;
	}
	g->n = n;
}

/* All suspects are asked for in one go. True when the answer is there. */
static bool ask(const struct model *m, struct judgement *j)
{
	bool known = true;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		if (counts(s) && (tcp_forgotten(s) || idle(m, s)))
			known &= judge_ask(j, m, TABLE_socket_owner, s->inode);
	}
	return known;
}

/* What the leak leaves of the process's descriptors. True when that is little. */
static bool add_headroom(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *g)
{
	const struct process_fd *fd = table_find(frame_table(m->now, TABLE_process_fd), g->pid);
	const struct process_limits *l =
		table_find(frame_table(m->now, TABLE_process_limits), g->pid);
	uint64_t elapsed_ns = model_elapsed_ns(m, TABLE_tcp_socket);

	if (!fd || !l || !row_has(l->has, PROCESS_LIMITS_fd_soft) || l->fd_soft == 0)
		return false;
	struct reading used = ratio_of((double)fd->open, (double)l->fd_soft);

	finding_evidence(f, "process_fd.open_ratio", UNIT_RATIO, used, "/proc/PID/fd, limits",
		reading_of(FD_CRITICAL_RATIO), "each of them holds a descriptor");
	f->share = used.value;
	if (used.value >= FD_CRITICAL_RATIO)
		return true;
	/* Two seconds give a rate only when several came. */
	if (g->fresh < 3 || elapsed_ns == 0 || fd->open >= l->fd_soft)
		return false;
	double left_ns = (double)(l->fd_soft - fd->open) * (double)elapsed_ns / (double)g->fresh;

	finding_evidence_alarm(f, "close_wait.exhaustion", UNIT_NS, reading_of(left_ns),
		"sock_diag, /proc/PID/limits", ALARM_BELOW, reading_of((double)HOUR_NS),
		judge_text(
			j, "%zu new ones during the look; at that pace descriptors end", g->fresh));
	return left_ns < (double)HOUR_NS;
}

static void add_evidence(struct finding *f, const struct group *g)
{
	finding_evidence(f, "close_wait.sockets", UNIT_COUNT, reading_of((double)g->sockets),
		"sock_diag", reading_none(STATE_ABSENT), NULL);
	finding_evidence(f, "close_wait.forgotten", UNIT_COUNT, reading_of((double)g->forgotten),
		"sock_diag tcpi_last_ack_recv", reading_of(FORGOTTEN_SAD), FORGOTTEN_WHY);
	finding_evidence(f, "close_wait.idle", UNIT_COUNT, reading_of((double)g->idle), "sock_diag",
		reading_of(IDLE_SAD), IDLE_WHY);
	finding_evidence(f, "close_wait.unread", UNIT_COUNT, reading_of((double)g->unread),
		"sock_diag Recv-Q", reading_none(STATE_ABSENT),
		"Recv-Q 0: the end was read; more: it was not");
}

static const char *cause_of(const struct group *g)
{
	if (g->unread == 0)
		return "the peers closed, the process read that, and never called close(): a path "
		       "of the program, often the one for errors or time-outs, forgets the "
		       "descriptor";
	if (g->unread == g->sockets)
		return "the peers closed, and the process does not read these sockets any more: "
		       "its threads are stuck or all busy elsewhere, or the sockets fell out of "
		       "its event loop";
	return "the peers closed; of some sockets the process did not read that, of others it did "
	       "and did not close them";
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *g)
{
	const struct process_limits *l =
		table_find(frame_table(m->now, TABLE_process_limits), g->pid);
	unsigned long long pid = g->pid;

	finding_todo(f,
		pid ? judge_text(j, "look at them:  %sss -tnop state close-wait | grep pid=%llu,",
			      netns_enter(j, g->example->netns, pid), pid)
		    : "see whose they are, as root:  ss -tnop state close-wait");
	if (g->unread > 0 && pid)
		finding_todo(f, judge_text(j,
					"see what its threads wait for:  grep . "
					"/proc/%llu/task/*/wchan /proc/%llu/task/*/syscall",
					pid, pid));
	if (l && row_has(l->has, PROCESS_LIMITS_fd_soft) && f->share >= FD_SHORT_RATIO)
		finding_todo(f, judge_text(j,
					"gain time before descriptors run out:  prlimit --pid "
					"%llu --nofile=%llu:",
					pid, (unsigned long long)l->fd_soft * 2));
	if (pid)
		finding_todo(
			f, judge_text(j, "free them, in a quiet moment:  %s",
				   restart_command(j, m, g->processes > 1 ? g->head : g->pid)));
	finding_todo(f, "in the program: close() when read() gives 0 and on every error path; a "
			"time-out on every wait; a health check that counts descriptors");
}

static enum severity severity_of(const struct group *g)
{
	bool many = g->forgotten >= FORGOTTEN_SAD || g->idle >= IDLE_SAD;

	return many ? SEVERITY_WARNING : SEVERITY_INFO;
}

static const char *owner_unseen(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_socket_owner);

	if (t && t->why[0])
		return t->why;
	return table_usable(t) ? "no process that murphy sees holds them" : "not known";
}

static void add_culprits(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *g)
{
	struct entity worst = entity_process(j, m, g->pid);

	/* Workers come and go; whom they belong to stays. */
	if (g->processes > 1 && g->head != g->pid)
		finding_culprit(f, entity_process(j, m, g->head));
	if (g->processes > 1)
		worst.detail = judge_text(j, "has most, %zu", g->most);
	finding_culprit(f, worst);
}

static void report(struct judgement *j, const struct model *m, const struct group *g)
{
	bool old = g->forgotten > 0 && (g->forgotten >= FORGOTTEN_SAD || g->idle < IDLE_SAD);
	struct finding *f = judge_finding(
		j, severity_of(g), old && g->pid ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);
	const char *age = g->oldest_ns >= TCP_FORGOTTEN_NS
				  ? judge_text(j, ", oldest %s", human_ns((double)g->oldest_ns).s)
				  : "";

	add_evidence(f, g);
	if (g->pid && add_headroom(j, m, f, g) && f->severity == SEVERITY_WARNING)
		f->severity = SEVERITY_CRITICAL;
	f->cause = cause_of(g);
	if (g->pid) {
		add_culprits(j, m, f, g);
		f->title = judge_text(j, "%zu connection%s of %s%s sit%s in CLOSE_WAIT%s",
			g->sockets, g->sockets == 1 ? "" : "s",
			process_label(j, m, g->processes > 1 ? g->head : g->pid),
			g->processes > 1
				? judge_text(j, " and its workers (%zu processes)", g->processes)
				: "",
			g->sockets == 1 ? "s" : "", age);
	} else {
		finding_culprit(f, g->port ? entity_listener(j, t, g->example, 0)
					   : entity_connection(j, t, g->example, 0));
		f->title = judge_text(j, "%zu connection%s of user %u%s sit%s in CLOSE_WAIT%s",
			g->sockets, g->sockets == 1 ? "" : "s", g->uid,
			g->port ? judge_text(j, " on port %u", g->port) : "",
			g->sockets == 1 ? "s" : "", age);
		finding_evidence_text(f, "socket_owner.pid", owner_unseen(m), "/proc/PID/fd");
	}
	add_todo(j, m, f, g);
	f->refuted_if =
		"their number falls by itself within a minute or two, or the program closes "
		"late on purpose (it answers after the client has half-closed)";
}

/* Before owners are known: is there anything to ask about? */
static bool suspicious(const struct model *m)
{
	size_t old = 0, still = 0;

	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		old += counts(s) && tcp_forgotten(s);
		still += counts(s) && idle(m, s);
	}
	return old > 0 || still >= IDLE_SAD;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct groups g = { .n = 0 };
	enum verdict verdict = VERDICT_FINE;

	if (!table_usable(frame_table(m->now, TABLE_tcp_socket)))
		return judge_unknown(j, m, TABLE_tcp_socket);
	if (!suspicious(m))
		return VERDICT_FINE;
	if (!ask(m, j))
		return VERDICT_ASK;
	fold(&g, m);
	join_workers(&g, m);
	for (size_t i = 0; i < g.n; i++) {
		if (g.of[i].forgotten == 0 && g.of[i].idle < IDLE_SAD)
			continue;
		report(j, m, &g.of[i]);
		verdict = VERDICT_SAD;
	}
	return verdict;
}

const struct check check_tcp_close_wait = {
	.id = "tcp.close-wait",
	.question = "Does a process forget to close connections that its peers have closed?",
	.explains = { "proc.fd-limit", "tcp.listen-overflow" },
	.needs = { { .table = TABLE_tcp_socket, .rate = true, .keep = keep },
		{ .table = TABLE_socket_owner, .ask = true },
		{ .table = TABLE_process_fd, .optional = true },
		{ .table = TABLE_process_limits, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
