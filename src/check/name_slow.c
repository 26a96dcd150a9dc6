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

enum { SUSPECTS_MAX = 64, SERVERS_MAX = 8, THREADS_MAX = 16 };

struct suspect {
	const struct dns_socket *socket;
	uint64_t pid; /* 0: unknown */
	bool waits;   /* a thread of it sleeps until a socket gives something */
	bool keeper;  /* an event loop, which may well keep a socket open for ever */
};

struct suspects {
	struct suspect at[SUSPECTS_MAX];
	size_t n, more;
};

/* Those ask in the name of others, and keep their sockets. */
static bool is_forwarder(const char *comm)
{
	static const char *const names[] = { "systemd-resolve", "dnsmasq", "unbound", "named",
		"isc-net-0000", "pdns_recursor", "pdns-recursor", "kresd", "coredns", "stubby",
		"dnscrypt-proxy", "knot", "smartdns", "dnsdist" };

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

/* Sleeping until one of some descriptors can be read: poll, select, recv. Not epoll. */
static bool is_wait(const char *text)
{
	static const char *const waits[] = { "do_sys_poll", "do_poll", "poll_schedule_timeout",
		"do_select", "skb_wait_for_more_packets", "skb_recv_udp" };

	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		if (strstr(text, waits[i]))
			return !strstr(text, "ep_poll");
	}
	return false;
}

static bool task_waits(const struct model *m, uint64_t tid, bool *ret_known)
{
	const struct table *t = frame_table(m->now, TABLE_task_wait);
	const struct task_wait *w = table_usable(t) ? table_find(t, tid) : NULL;
	const char *wchan = w ? table_text(t, w->wchan) : "",
		   *stack = w ? table_text(t, w->stack) : "";

	*ret_known = wchan[0] || stack[0];
	return is_wait(wchan) || is_wait(stack);
}

/* The main thread, and some others: any of them may ask. False: asked for now. */
static bool ask_threads(struct judgement *j, const struct model *m, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_thread);
	bool told = judge_ask(j, m, TABLE_task_wait, pid);
	size_t n = 0;

	if (!table_usable(t))
		return told;
	for (table_each(const struct thread, th, t)) {
		if (th->pid == pid && n++ < THREADS_MAX)
			told &= judge_ask(j, m, TABLE_task_wait, th->tid);
	}
	return told;
}

static void look_at(const struct model *m, struct suspect *s)
{
	const struct table *t = frame_table(m->now, TABLE_thread);
	const struct process_facts *p = process_find(m->process, s->pid);
	bool known;

	s->waits = task_waits(m, s->pid, &known);
	s->keeper = (p && is_forwarder(p->comm)) || (known && !s->waits && p && p->threads <= 1);
	if (!table_usable(t))
		return;
	for (table_each(const struct thread, th, t))
		s->waits |= th->pid == s->pid && task_waits(m, th->tid, &known);
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
		if (s->at[i].pid)
			told &= ask_threads(j, m, s->at[i].pid);
	}
	for (size_t i = 0; told && i < s->n; i++) {
		if (s->at[i].pid)
			look_at(m, &s->at[i]);
	}
	return told;
}

struct server {
	const char *address;
	size_t sockets, waiting;
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
		bool again = false;

		if (one->keeper || !one->pid ||
			strcmp(table_text(t, one->socket->server), address) != 0)
			continue;
		struct entity e = entity_process(j, m, one->pid);

		for (size_t k = 0; k < f->n_victims; k++)
			again |= entity_same(&f->victims[k], &e);
		e.detail = one->waits ? "waits in poll or recv" : NULL;
		if (!again)
			finding_victim(f, e);
	}
}

static void report(struct judgement *j, const struct model *m, const struct suspects *s,
	const struct server *server)
{
	bool seen = server->waiting > 0;
	struct finding *f = judge_finding(j, seen ? SEVERITY_WARNING : SEVERITY_INFO,
		seen ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
	const char *address = judge_text(j, "%s", server->address);
	uint64_t elapsed = model_elapsed_ns(m, TABLE_dns_socket);

	f->title = judge_text(j, "%zu question%s to the name server %s got no answer in %s",
		seen ? server->waiting : server->sockets,
		(seen ? server->waiting : server->sockets) == 1 ? "" : "s", address,
		human_ns((double)elapsed).s);
	finding_evidence(f, "dns_socket.unanswered", UNIT_COUNT,
		reading_of((double)server->sockets), "/proc/net/udp", reading_of(1),
		"the same socket, connected to port 53 and empty, at the start and the end of the "
		"look");
	finding_evidence(f, "dns_socket.look_ns", UNIT_NS, reading_of((double)elapsed),
		"time between the frames", reading_of((double)WAITED_NS),
		"an answer comes in milliseconds");
	finding_evidence(f, "task_wait.waiting", UNIT_COUNT, reading_of((double)server->waiting),
		"/proc/PID/task/TID/wchan", reading_none(STATE_ABSENT),
		"of their processes those that sleep in poll, select or recv");
	finding_culprit(f, (struct entity){ .kind = ENTITY_PEER,
				   .name = judge_text(j, "%s:53", address),
				   .detail = "name server" });
	add_victims(j, f, m, s, server->address);
	f->cause =
		strncmp(address, "127.", 4) == 0
			? "the resolver of this machine does not answer: it, or whom it asks"
			: "the server is down or overloaded, a firewall drops the questions or the "
			  "answers, or the route is gone";
	finding_todo(f, judge_text(j, "ask it yourself:  dig +tries=1 +time=2 @%s . NS",
				shell_word(j, address)));
	if (strncmp(address, "127.", 4) != 0)
		finding_todo(f, judge_text(j, "see the way to it:  ip route get %s",
					shell_word(j, address)));
	finding_todo(f, "see who is to be asked, and how long:  grep -v '^#' /etc/resolv.conf");
	if (strncmp(address, "127.", 4) == 0)
		finding_todo(f, "see whom the local resolver asks:  resolvectl status; "
				"ss -lunp 'sport = :53'");
	finding_todo(f, "put a server that answers on the first line of /etc/resolv.conf, or have "
			"whatever writes "
			"that file do so");
	f->refuted_if = "dig gets an answer at once, again and again, from the victims' network "
			"namespace";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_dns_socket);
	struct server servers[SERVERS_MAX];
	struct suspects s = { 0 };
	size_t n = 0;
	bool sad = false;

	if (model_elapsed_ns(m, TABLE_dns_socket) < WAITED_NS)
		return judge_unknown_why(j, STATE_ABSENT,
			"unanswered is what waits through a look of 1.5 s or more");
	find_suspects(m, &s);
	if (!identify(j, m, &s))
		return VERDICT_ASK;
	for (size_t i = 0; i < s.n; i++) {
		struct server *one = server_of(servers, &n, table_text(t, s.at[i].socket->server));

		if (!one || s.at[i].keeper)
			continue;
		one->sockets++;
		one->waiting += s.at[i].waits;
	}
	for (size_t i = 0; i < n; i++) {
		/* One socket of which nothing more is known may be kept on purpose. */
		if (servers[i].waiting == 0 && servers[i].sockets < 2)
			continue;
		report(j, m, &s, &servers[i]);
		sad = true;
	}
	return sad ? VERDICT_SAD : VERDICT_FINE;
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
