/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"

#include <string.h>

/*
 * A stub resolver opens a socket, connects it to a name server, asks, waits in poll() and closes it
 * when the answer has come: after milliseconds, and 5 s by default when none comes. One that is
 * there in both frames, empty, got no answer in all that time.
 */
#define WAITED_NS 1500000000ull

/*
 * One that waits may ask for a name whose own servers are dead; two at once are the server's doing.
 */
#define WAITING_SAD 2

enum { SUSPECTS_MAX = 64, SERVERS_MAX = 8, THREADS_MAX = 64 };

/* What the process of a socket does with it. */
enum use {
	USE_UNKNOWN, /* whose it is, or what its threads wait for: a privilege would show it */
	USE_UNREAD,  /* some of its threads were not looked at, or their call does not tell */
	USE_KEPT,    /* a forwarder or an event loop, which may well keep a socket open for ever */
	USE_WAITS,   /* a thread sleeps until that socket, or one that it polls, gives something */
};

struct suspect {
	const struct dns_socket *socket;
	uint64_t pid, fd; /* 0: unknown */
	enum use use;
};

struct suspects {
	struct suspect at[SUSPECTS_MAX];
	size_t n, more;
};

/*
 * Those ask in the name of others, of whom some are always dead, or carry the datagrams of others;
 * who waits for them asks them. Not nscd: it asks as a stub resolver does, a thread for each name.
 */
static bool is_forwarder(const char *comm)
{
	static const char *const names[] = { "systemd-resolve", "dnsmasq", "unbound", "named",
		"isc-net-0000", "pdns_recursor", "pdns-recursor", "kresd", "coredns", "stubby",
		"dnscrypt-proxy", "knot", "smartdns", "dnsdist", "pihole-FTL", "AdGuardHome",
		"Deadwood", "unwind", "dnsproxy", "blocky", "node-cache", "aardvark-dns",
		"connmand", "dockerd", "slirp4netns", "gvproxy", "rootlesskit", "passt",
		"passt.avx2", "pasta", "pasta.avx2" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(comm, names[i]) == 0)
			return true;
	}
	return false;
}

static void find_suspects(const struct model *m, struct suspects *s)
{
	const struct table *t = frame_table(m->now, TABLE_dns_socket);
	const struct table *was_t = m->was ? frame_table(m->was, TABLE_dns_socket) : NULL;

	for (table_each(const struct dns_socket, d, t)) {
		const struct dns_socket *was = table_usable(was_t) ? table_same(was_t, t, d) : NULL;

		if (!was || was->local_port != d->local_port || d->inode == 0 ||
			d->receive_queue > 0 || was->receive_queue > 0)
			continue;
		if (s->n < SUSPECTS_MAX)
			s->at[s->n++] = (struct suspect){ .socket = d };
		else
			s->more++;
	}
}

static bool has_any(const struct table *t, const struct task_wait *w, const char *const *list)
{
	const char *wchan = table_text(t, w->wchan), *stack = table_text(t, w->stack);

	if (strstr(wchan, "ep_poll") || strstr(stack, "ep_poll"))
		return false;
	for (; *list; list++) {
		if (strstr(wchan, *list) || strstr(stack, *list))
			return true;
	}
	return false;
}

/* The arguments of its call are not known: was that denied, or has it none? */
static enum use untold(const struct task_wait *w)
{
	return row_has(w->has, TASK_WAIT_syscall) ? USE_UNREAD : USE_UNKNOWN;
}

/*
 * A stub resolver polls its one socket, or reads from it. A loop polls many, and a server's thread
 * reads from another. Of a call that was interrupted, as by a suspend, the arguments are gone.
 */
static enum use use_of(const struct table *t, const struct task_wait *w, uint64_t fd)
{
	static const char *const polls[] = { "do_sys_poll", "do_poll", "poll_schedule_timeout",
		NULL };
	static const char *const reads[] = { "skb_wait_for_more_packets", "skb_recv_udp", NULL };

	/* It has ended, or it came too late to be asked for. */
	if (!w)
		return t && t->lost == 0 ? USE_UNREAD : USE_UNKNOWN;
	/* select() sleeps in the same function. */
	if (strstr(table_text(t, w->stack), "select") || strstr(table_text(t, w->wchan), "select"))
		return USE_KEPT;
	if (has_any(t, w, polls)) {
		if (!row_has(w->has, TASK_WAIT_polled))
			return untold(w);
		return w->polled == 1 ? USE_WAITS : USE_KEPT;
	}
	if (has_any(t, w, reads)) {
		if (!row_has(w->has, TASK_WAIT_descriptor))
			return untold(w);
		return w->descriptor == fd ? USE_WAITS : USE_KEPT;
	}
	return w->state == 'R' || w->wchan || w->stack ? USE_KEPT : USE_UNKNOWN;
}

/* The main thread, and some others: any of them may ask. False: asked for now. */
static bool ask_threads(struct judgement *j, const struct model *m, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_thread);
	bool told = judge_ask(j, m, TABLE_task_wait, pid);
	size_t n = 0;

	for (table_each(const struct thread, th, table_usable(t) ? t : NULL)) {
		if (th->pid == pid && n++ < THREADS_MAX)
			told &= judge_ask(j, m, TABLE_task_wait, th->tid);
	}
	return told;
}

static void look_at(const struct model *m, struct suspect *s)
{
	const struct table *threads = frame_table(m->now, TABLE_thread);
	const struct table *waits = frame_table(m->now, TABLE_task_wait);
	const struct table *t = table_usable(waits) ? waits : NULL;
	const struct process_facts *p = process_find(m->process, s->pid);
	enum use use = use_of(t, table_find(t, s->pid), s->fd);
	size_t by_use[USE_WAITS + 1] = { 0 }, n = 0;

	by_use[use]++;
	for (table_each(const struct thread, th, table_usable(threads) ? threads : NULL)) {
		if (th->pid == s->pid && n++ < THREADS_MAX)
			by_use[use_of(t, table_find(t, th->tid), s->fd)]++;
	}
	if (by_use[USE_WAITS] > 0)
		s->use = USE_WAITS;
	else if (by_use[USE_UNKNOWN] > 0)
		s->use = USE_UNKNOWN;
	else
		s->use = p && by_use[USE_KEPT] >= p->threads ? USE_KEPT : USE_UNREAD;
}

static bool of_forwarder(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);

	return p && is_forwarder(p->comm);
}

/* False: asked for something, judge again. */
static bool identify(struct judgement *j, const struct model *m, struct suspects *s)
{
	const struct table *owners;
	bool told = true;

	for (size_t i = 0; i < s->n; i++)
		told &= judge_ask(j, m, TABLE_socket_owner, s->at[i].socket->inode);
	if (!told)
		return false;
	owners = frame_table(m->now, TABLE_socket_owner);
	for (size_t i = 0; i < s->n; i++) {
		const struct socket_owner *o =
			table_usable(owners) ? table_find(owners, s->at[i].socket->inode) : NULL;

		s->at[i].pid = o ? o->pid : 0;
		s->at[i].fd = o ? o->fd : 0;
		/* All were looked into, and nobody holds it: it is gone by now. */
		if (of_forwarder(m, s->at[i].pid) ||
			(!o && owners && owners->state == STATE_OK && owners->lost == 0))
			s->at[i].use = USE_KEPT;
		else if (o)
			told &= ask_threads(j, m, o->pid);
	}
	for (size_t i = 0; told && i < s->n; i++) {
		if (s->at[i].pid && s->at[i].use == USE_UNKNOWN)
			look_at(m, &s->at[i]);
	}
	return told;
}

struct server {
	const char *address;
	size_t waiting;
};

static struct server *server_of(struct server *servers, size_t *n, const char *address)
{
	for (size_t i = 0; i < *n; i++) {
		if (strcmp(servers[i].address, address) == 0)
			return &servers[i];
	}
	if (*n == SERVERS_MAX)
		return NULL;
	servers[*n] = (struct server){ .address = address };
	return &servers[(*n)++];
}

static void add_victims(struct judgement *j, struct finding *f, const struct model *m,
	const struct suspects *s, const char *address)
{
	const struct table *t = frame_table(m->now, TABLE_dns_socket);

	for (size_t i = 0; i < s->n; i++) {
		const struct suspect *one = &s->at[i];

		if (one->use != USE_WAITS ||
			strcmp(table_text(t, one->socket->server), address) != 0)
			continue;
		struct entity e = entity_process(j, m, one->pid);

		e.detail = "waits in poll or recv";
		finding_victim_once(f, e);
	}
}

static void add_todo(struct judgement *j, struct finding *f, const char *address, bool here)
{
	finding_todo(f, judge_text(j, "ask it yourself:  dig +tries=1 +time=2 @%s . NS",
				shell_word(j, address)));
	if (!here)
		finding_todo(f, judge_text(j, "see the way to it:  ip route get %s",
					shell_word(j, address)));
	finding_todo(f, "see who is to be asked, and how long:  grep -v '^#' /etc/resolv.conf");
	if (here)
		finding_todo(f, "see whom the local resolver asks:  resolvectl status; "
				"ss -lunp 'sport = :53'");
	finding_todo(f, "put a server that answers on the first line of /etc/resolv.conf, or have "
			"whatever writes that file do so");
}

static void report(struct judgement *j, const struct model *m, const struct suspects *s,
	const struct server *server)
{
	bool several = server->waiting >= WAITING_SAD;
	struct finding *f = judge_finding(j, several ? SEVERITY_WARNING : SEVERITY_INFO,
		several ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
	const char *address = judge_text(j, "%s", server->address);
	bool here = strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
	uint64_t elapsed = model_elapsed_ns(m, TABLE_dns_socket);

	f->title = judge_text(j, "%zu question%s to the name server %s got no answer in %s",
		server->waiting, server->waiting == 1 ? "" : "s", address,
		human_ns((double)elapsed).s);
	finding_evidence(f, "task_wait.waiting", UNIT_COUNT, reading_of((double)server->waiting),
		"/proc/net/udp, /proc/PID/task/TID/syscall", reading_of(WAITING_SAD),
		"the same socket, connected to port 53 and empty, at the start and the end of the "
		"look, and a thread that waits for it alone");
	finding_evidence(f, "dns_socket.look_ns", UNIT_NS, reading_of((double)elapsed),
		"time between the frames", reading_of((double)WAITED_NS),
		"an answer comes in milliseconds");
	finding_culprit(f,
		(struct entity){ .kind = ENTITY_PEER,
			.name = judge_text(j, strchr(address, ':') ? "[%s]:53" : "%s:53", address),
			.detail = "name server" });
	add_victims(j, f, m, s, server->address);
	f->cause = here      ? "the resolver of this machine does not answer: it, or whom it asks"
		   : several ? "the server is down or overloaded, a firewall drops the questions "
			       "or the answers, or the route is gone"
			     : "the server does not answer, or waits itself for the servers of "
			       "that one name";
	add_todo(j, f, address, here);
	f->refuted_if = "dig gets an answer at once, again and again, from the victims' network "
			"namespace; a mail server or a crawler asks for names whose own servers "
			"are dead";
}

static bool is_late(const struct table *t)
{
	return t && t->state == STATE_LATE;
}

/* Nobody is seen to wait. Of whom was that not to be seen, and would a privilege show it? */
static enum verdict rest(struct judgement *j, const struct model *m, const struct suspects *s)
{
	const struct table *threads = frame_table(m->now, TABLE_thread);
	const struct table *owners = frame_table(m->now, TABLE_socket_owner);
	const struct table *waits = frame_table(m->now, TABLE_task_wait);
	const struct table *late = is_late(owners) ? owners : is_late(waits) ? waits : NULL;
	size_t unknown = 0, unread = s->more;

	for (size_t i = 0; i < s->n; i++) {
		unknown += s->at[i].use == USE_UNKNOWN;
		unread += s->at[i].use == USE_UNREAD;
	}
	const char *why = threads && threads->state != STATE_OK ? threads->why : "";

	if (unknown + unread == 0)
		return VERDICT_FINE;
	if (unknown > 0)
		return judge_unknown_why(j, late ? STATE_LATE : STATE_DENIED,
			judge_text(j,
				"%zu sockets to name servers got nothing; whether their processes "
				"wait for them is not to be seen: %s",
				unknown + unread, late ? late->why : "needs root"));
	return judge_unknown_why(j, STATE_ABSENT,
		judge_text(j,
			"%zu sockets to name servers got nothing, and not all threads that may "
			"wait for them were looked at%s%s",
			unread, why[0] ? ": " : "", why));
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_dns_socket);
	struct server servers[SERVERS_MAX];
	struct suspects s = { 0 };
	size_t n = 0;

	if (model_elapsed_ns(m, TABLE_dns_socket) < WAITED_NS)
		return judge_unknown_why(j, STATE_ABSENT,
			"unanswered is what waits through a look of 1.5 s or more");
	find_suspects(m, &s);
	if (!identify(j, m, &s))
		return VERDICT_ASK;
	for (size_t i = 0; i < s.n; i++) {
		struct server *one =
			s.at[i].use == USE_WAITS
				? server_of(servers, &n, table_text(t, s.at[i].socket->server))
				: NULL;

		if (one)
			one->waiting++;
	}
	for (size_t i = 0; i < n; i++)
		report(j, m, &s, &servers[i]);
	return n > 0 ? VERDICT_SAD : rest(j, m, &s);
}

const struct check check_name_slow = {
	.id = "name.slow",
	.question = "Does somebody wait for a name server that does not answer?",
	.needs = {
		{ .table = TABLE_dns_socket, .rate = true },
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_socket_owner, .ask = true },
		{ .table = TABLE_task_wait, .ask = true },
	},
	.models = { MODEL_process },
	.judge = judge,
};
