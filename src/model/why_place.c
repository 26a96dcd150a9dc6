/* SPDX-License-Identifier: MIT */
#include "model/why_place.h"

#include "model/blocked.h"
#include "model/tcp.h"

#include <errno.h>
#include <string.h>

enum { FUTEX_COMMAND = 0x7f, FUTEX_WAIT = 0, FUTEX_LOCK_PI = 6, FUTEX_LOCK_PI2 = 13 };
enum { FAMILY_IPV6 = 10, TIMER_PROBE = 4 };

/* An event loop has requests in flight all the time; only one that takes longer is worth a word. */
#define PEER_SLOW_NS UINT64_C(100000000)

static struct why_found found(enum why_state state, const char *text)
{
	return (struct why_found){ .state = state, .text = text };
}

static bool listens(const struct why_scene *w, uint32_t port)
{
	return w->listens[port / 8 % sizeof(w->listens)] >> port % 8 & 1;
}

int why_scene_sockets(struct why_scene *w)
{
	const struct table *all = frame_table(w->m->now, TABLE_tcp_socket);
	const struct table *held = frame_table(w->m->now, TABLE_process_socket);

	if (!table_usable(all))
		return 0;
	for (table_each(const struct tcp_socket, s, all)) {
		if (s->state == TCP_STATE_LISTEN)
			w->listens[s->local_port / 8 % sizeof(w->listens)] |=
				(uint8_t)(1u << s->local_port % 8);
	}
	if (!table_usable(held) || held->n == 0)
		return 0;
	w->socket = arena_new(w->arena, held->n * sizeof(*w->socket));
	if (!w->socket)
		return -ENOMEM;
	for (table_each(const struct tcp_socket, s, all)) {
		const struct process_socket *h = s->inode ? table_find(held, s->inode) : NULL;

		if (h && w->n_sockets < held->n)
			w->socket[w->n_sockets++] = (struct why_socket){ h->pid, s };
	}
	return 0;
}

static const struct tcp_socket *socket_of(const struct why_scene *w, const struct task_place *p)
{
	const struct table *all = frame_table(w->m->now, TABLE_tcp_socket);

	if (!row_has(p->has, TASK_PLACE_socket) || !table_usable(all))
		return NULL;
	for (size_t i = 0; i < w->n_sockets; i++) {
		if (w->socket[i].row->inode == p->socket)
			return w->socket[i].row;
	}
	for (table_each(const struct tcp_socket, s, all)) {
		if (s->inode == p->socket)
			return s;
	}
	return NULL;
}

static const char *peer_name(const struct why_scene *w, const struct tcp_socket *s)
{
	const struct table *t = frame_table(w->m->now, TABLE_tcp_socket);

	return arena_printf(w->arena, s->family == FAMILY_IPV6 ? "[%s]:%u" : "%s:%u",
		table_text(t, s->peer), s->peer_port);
}

/* Nobody listens on its port here: we are the one who asks. */
static bool asks(const struct why_scene *w, const struct tcp_socket *s)
{
	return !listens(w, s->local_port);
}

/*
 * Something was sent after what was received last, or nothing was received yet: the peer's turn.
 * bytes_acked counts the SYN.
 */
static bool in_flight(const struct tcp_socket *s)
{
	if (s->state != TCP_STATE_ESTABLISHED)
		return false;
	if (s->received_bytes == 0)
		return s->acked_bytes > 1 || s->send_queue > 0;
	return s->last_sent_ns < s->last_received_ns;
}

/* It has bytes for the peer, who does not take them. */
static bool unread(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_ESTABLISHED && s->send_queue > 0 &&
	       (s->timer == TIMER_PROBE ||
		       (row_has(s->has, TCP_SOCKET_send_window_bytes) &&
			       s->send_window_bytes < s->send_mss && s->notsent_bytes > 0));
}

/* A client has sent something that was not answered, or not even read. */
static bool asked(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_ESTABLISHED && s->received_bytes > 0 &&
	       (s->receive_queue > 0 || s->last_received_ns < s->last_sent_ns);
}

void why_scene_clients(const struct why_scene *w, struct why *ret_why)
{
	for (size_t i = 0; i < w->n_sockets; i++) {
		const struct tcp_socket *s = w->socket[i].row;

		if (s->state == TCP_STATE_LISTEN)
			ret_why->not_accepted += s->receive_queue;
		if (asks(w, s) || !asked(s))
			continue;
		ret_why->clients++;
		if (s->last_received_ns > ret_why->client_oldest_ns)
			ret_why->client_oldest_ns = s->last_received_ns;
	}
}

static struct why_found of_peer(const struct why_scene *w, const struct tcp_socket *s)
{
	const char *name = peer_name(w, s);

	struct why_found r = found(WHY_PEER, name);

	r.age_ns = s->last_sent_ns;
	if (s->state == TCP_STATE_SYN_SENT)
		r.text = arena_printf(w->arena, "%s, which does not answer the first packet", name);
	else if (unread(s))
		r.text = arena_printf(w->arena, "%s, which does not read what is sent to it", name);
	else if (in_flight(s))
		r.text = arena_printf(w->arena, "%s, which owes an answer", name);
	else
		r.age_ns = 0;
	return r;
}

/* In a read of one connection. */
static struct why_found receives(const struct why_scene *w, const struct tcp_socket *s)
{
	struct reading got = model_delta(w->m, TABLE_tcp_socket, s, TCP_SOCKET_received_bytes);

	if (s->state == TCP_STATE_LISTEN)
		return found(WHY_WORK, "accept");
	if (!asks(w, s))
		return found(WHY_WORK, "a client's next request");
	if (in_flight(s) || (reading_ok(got) && got.value > 0))
		return of_peer(w, s);
	return found(WHY_WORK, arena_printf(w->arena, "a message of %s, which nothing asked for",
				       peer_name(w, s)));
}

/* In epoll, poll, select: waits for whatever comes, unless a request has long been in flight. */
static struct why_found events(const struct why_scene *w, uint64_t pid, const char *call)
{
	const struct tcp_socket *worst = NULL;

	for (size_t i = 0; i < w->n_sockets; i++) {
		const struct tcp_socket *s = w->socket[i].row;

		if (w->socket[i].pid != pid)
			continue;
		bool slow = asks(w, s) && in_flight(s) && s->last_sent_ns >= PEER_SLOW_NS;

		if (!slow && !unread(s) && s->state != TCP_STATE_SYN_SENT)
			continue;
		if (!worst || s->last_sent_ns > worst->last_sent_ns)
			worst = s;
	}
	return worst ? of_peer(w, worst) : found(WHY_WORK, call);
}

static struct why_found sleeps_in_d(const struct why_scene *w, const struct task_place *p)
{
	const struct table *places = frame_table(w->m->now, TABLE_task_place);
	struct blocked_task task = { .tid = p->tid };
	struct blocked_wait wait = blocked_wait_of(w->m, &task);
	const char *wchan = table_text(places, p->wchan);

	/* Asked at the end of the look: it may be somewhere else by then. */
	if (strcmp(wait.wchan, wchan) != 0)
		wait.stack = "";
	enum wait_kind kind = wait_kind_of(wchan, wait.stack);
	const char *text = arena_printf(w->arena, "%s%s%s%s%s", wait_kind_text(kind),
		wait.mount ? ": " : "", wait.target, wchan[0] ? ", in " : "", wchan);

	if (strstr(wchan, "refrigerator") || strstr(wchan, "freezer"))
		return found(WHY_STOPPED, "its control group is frozen");
	switch (kind) {
	case WAIT_MEMORY:
		return found(WHY_MEMORY, text);
	case WAIT_LOCK:
		return found(WHY_LOCK, text);
	case WAIT_CHILD:
		return found(WHY_CHILD, "vfork");
	case WAIT_DISK:
		return w->thrashes ? found(WHY_MEMORY, "pages that were pushed out are read again")
				   : found(WHY_DISK, text);
	default:
		return found(WHY_DISK, text);
	}
}

static const char *task_name(const struct model *m, uint64_t tid)
{
	const struct table *times = frame_table(m->now, TABLE_task_time);
	const struct task_time *t = table_find(times, tid);

	return t ? table_text(times, t->comm) : "";
}

static struct why_found futex(const struct why_scene *w, const struct task_place *p)
{
	const struct table *caught = frame_table(w->m->now, TABLE_futex_wait);
	const struct futex_wait *f = table_find(table_usable(caught) ? caught : NULL, p->tid);
	uint64_t command = p->operation & FUTEX_COMMAND;

	if (command != FUTEX_WAIT && command != FUTEX_LOCK_PI && command != FUTEX_LOCK_PI2)
		return found(WHY_CONDITION, "a condition variable, or parked");
	if (f && row_has(f->has, FUTEX_WAIT_holder)) {
		struct why_found r = found(WHY_LOCK,
			arena_printf(w->arena, "a mutex that %s (tid %llu) holds",
				task_name(w->m, f->holder), (unsigned long long)f->holder));

		r.holder = f->holder;
		return r;
	}
	/* Seen, and no owner in it: a runtime that parks its threads so, as Go does. */
	if (f && command == FUTEX_WAIT)
		return found(WHY_CONDITION, "parked in futex; nobody owns it");
	return found(WHY_LOCK, "a mutex; who holds it was not caught");
}

/* A read or write of what is no TCP socket. */
static struct why_found other_file(
	const struct why_scene *w, const struct task_place *p, const char *call)
{
	const struct table *places = frame_table(w->m->now, TABLE_task_place);
	const char *target = table_text(places, p->target), *wchan = table_text(places, p->wchan);

	if (strncmp(target, "pipe:", 5) == 0)
		return found(WHY_LOCAL, arena_printf(w->arena, "a pipe, in %s", call));
	if (strstr(wchan, "unix"))
		return found(WHY_LOCAL, arena_printf(w->arena, "a unix socket, in %s", call));
	if (strstr(target, "eventfd"))
		return found(WHY_CONDITION, "eventfd");
	if (strstr(target, "timerfd"))
		return found(WHY_TIMER, "timerfd");
	return found(
		WHY_WORK, arena_printf(w->arena, "%s%s%s", call, target[0] ? " of " : "", target));
}

enum kind { EVENTS, RECEIVE, SEND, FIXED, FUTEX };

static const struct {
	const char *call;
	enum kind kind;
	enum why_state state; /* of FIXED */
} calls[] = {
	{ "epoll_wait", EVENTS, 0 },
	{ "poll", EVENTS, 0 },
	{ "select", EVENTS, 0 },
	{ "read", RECEIVE, 0 },
	{ "readv", RECEIVE, 0 },
	{ "recv", RECEIVE, 0 },
	{ "recvmsg", RECEIVE, 0 },
	{ "recvmmsg", RECEIVE, 0 },
	{ "connect", SEND, 0 },
	{ "write", SEND, 0 },
	{ "writev", SEND, 0 },
	{ "send", SEND, 0 },
	{ "sendmsg", SEND, 0 },
	{ "sendmmsg", SEND, 0 },
	{ "sendfile", SEND, 0 },
	{ "splice", SEND, 0 },
	{ "futex", FUTEX, 0 },
	{ "accept", FIXED, WHY_WORK },
	{ "nanosleep", FIXED, WHY_TIMER },
	{ "wait", FIXED, WHY_CHILD },
	{ "sigwait", FIXED, WHY_WORK },
	{ "sigsuspend", FIXED, WHY_WORK },
	{ "pause", FIXED, WHY_WORK },
	{ "semop", FIXED, WHY_LOCK },
	{ "flock", FIXED, WHY_LOCK },
	{ "fcntl", FIXED, WHY_LOCK },
	{ "msgrcv", FIXED, WHY_LOCAL },
	{ "io_getevents", FIXED, WHY_WORK },
	{ "io_uring_enter", FIXED, WHY_WORK },
	{ "fsync", FIXED, WHY_DISK },
	{ "fdatasync", FIXED, WHY_DISK },
	{ "pread", FIXED, WHY_DISK },
	{ "pwrite", FIXED, WHY_DISK },
};

/* Without the call (it needs root) the function that it sleeps in tells less. */
static const struct {
	const char *part; /* of its name */
	enum kind kind;
	enum why_state state;
} functions[] = {
	{ "futex", FIXED, WHY_CONDITION },
	{ "ep_poll", EVENTS, 0 },
	{ "poll", EVENTS, 0 },
	{ "select", EVENTS, 0 },
	{ "accept", FIXED, WHY_WORK },
	{ "sk_wait_data", EVENTS, 0 },
	{ "sk_stream_wait", EVENTS, 0 },
	{ "pipe", FIXED, WHY_LOCAL },
	{ "unix_", FIXED, WHY_LOCAL },
	{ "nanosleep", FIXED, WHY_TIMER },
	{ "do_wait", FIXED, WHY_CHILD },
	{ "wait4", FIXED, WHY_CHILD },
	{ "sigsuspend", FIXED, WHY_WORK },
	{ "sigtimedwait", FIXED, WHY_WORK },
	{ "flock", FIXED, WHY_LOCK },
	{ "lock_inode_wait", FIXED, WHY_LOCK },
};

static struct why_found by_kind(const struct why_scene *w, const struct task_place *p,
	enum kind kind, enum why_state state, const char *name)
{
	const struct tcp_socket *s = kind == RECEIVE || kind == SEND ? socket_of(w, p) : NULL;

	switch (kind) {
	case EVENTS:
		return events(w, p->pid, name);
	case RECEIVE:
		return s ? receives(w, s) : other_file(w, p, name);
	case SEND:
		return s ? of_peer(w, s) : other_file(w, p, name);
	case FUTEX:
		return futex(w, p);
	default:
		return found(state, name);
	}
}

struct why_found why_find(const struct why_scene *w, const struct task_place *p)
{
	const struct table *places = frame_table(w->m->now, TABLE_task_place);
	const char *call = table_text(places, p->call), *wchan = table_text(places, p->wchan);

	if (p->state == 'D')
		return sleeps_in_d(w, p);
	if (p->state == 'T' || p->state == 't')
		return found(WHY_STOPPED, p->state == 'T' ? "by a signal" : "by a debugger");
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (strcmp(call, calls[i].call) == 0)
			return by_kind(w, p, calls[i].kind, calls[i].state, calls[i].call);
	}
	for (size_t i = 0; call[0] == '\0' && i < ARRAY_SIZE(functions); i++) {
		if (strstr(wchan, functions[i].part))
			return by_kind(
				w, p, functions[i].kind, functions[i].state, functions[i].part);
	}
	return found(WHY_OTHER, call[0]    ? call
				: wchan[0] ? wchan
					   : "a place that only root may see");
}
