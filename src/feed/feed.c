/* SPDX-License-Identifier: MIT */
#include "feed/feed.h"

#include "base/clock.h"
#include "base/mem.h"
#include "feed/run.h"
#include "feed/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define BUDGET_ROOT_NS 30000000000u
/* How much later than the source's own deadline its reader is ended. */
#define GRACE_NS 100000000u

int feed_new(struct host *h, struct feed **ret_feed)
{
	struct feed *f = mem_new(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->host = h;
	f->budget_ns = 1000000000;
	*ret_feed = f;
	return 0;
}

void feed_set_tap(struct feed *f, host_tap_fn *tap, void *arg)
{
	f->tap = tap;
	f->tap_arg = arg;
}

void feed_set_budget(struct feed *f, uint64_t budget_ns)
{
	f->budget_ns = budget_ns;
}

static uint64_t timeval_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * 1000;
}

/* Has the reader ended? Then its cost is counted, and *ret_status set. */
static bool reaped(struct feed *f, pid_t pid, int *ret_status)
{
	struct rusage u = { 0 };
	pid_t got = wait4(pid, ret_status, WNOHANG, &u);

	if (got == 0)
		return false;
	f->cost.cpu_ns += timeval_ns(u.ru_utime) + timeval_ns(u.ru_stime);
	if ((uint64_t)u.ru_maxrss * 1024 > f->cost.peak_bytes)
		f->cost.peak_bytes = (uint64_t)u.ru_maxrss * 1024;
	return true;
}

void feed_set_was(struct feed *f, const struct frame *was)
{
	f->was = was;
}

static void reap_all(struct feed *f, pid_t *pid, size_t n)
{
	int status;

	for (size_t i = 0; i < n; i++) {
		if (pid[i] > 0 && reaped(f, pid[i], &status))
			pid[i] = 0;
	}
}

struct feed_cost feed_cost(const struct feed *f)
{
	return f->cost;
}

static void reap(struct feed *f)
{
	reap_all(f, f->stuck, SOURCES_MAX);
	reap_all(f, f->leaving, READERS_MAX);
}

unsigned int feed_stuck(const struct feed *f)
{
	unsigned int n = 0;

	for (size_t i = 0; i < n_sources; i++)
		n += f->stuck[i] > 0;
	return n;
}

static void put_table(struct run *r, size_t source, enum table_id id, struct table *t)
{
	struct table *have = r->frame->at[id];

	/* A worse source that failed too does not hide why the better one did. */
	if (have && have->state != STATE_ABSENT && !table_usable(t)) {
		table_unref(t);
		return;
	}
	r->frame->at[id] = NULL;
	table_unref(have);
	t = run_bounded(r, id, t);
	if (t)
		t->method = sources[source]->name;
	r->frame->at[id] = t;
}

/* The tables of a source that did not deliver them. */
static void fail_source(struct run *r, size_t k, enum state state, const char *why)
{
	const struct source *s = sources[k];

	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		enum table_id id = s->fills[i];
		struct table *t = r->wanted[id] ? table_new(schemas[id]) : NULL;

		if (!t)
			continue;
		table_fail(t, state, "%s %s", s->name, why);
		t->taken_ns = host_boottime_ns(r->feed->host);
		put_table(r, k, id, t);
	}
	r->progress[k] = DONE;
}

static void arm(const struct run *r, struct reader *reader)
{
	const struct source *s = sources[reader->source[reader->at]];

	reader->deadline_ns = clock_ns(CLOCK_MONOTONIC) + reader_deadline_ns(&r->job, s) + GRACE_NS;
}

static const char too_many[] = "is not asked: too many readers hang";

/* Readers that nothing could end. Their children that ask file systems have their own bound. */
static unsigned int left_behind(const struct run *r)
{
	return feed_stuck(r->feed);
}

/*
 * May one more reader run that may hang for good? Those that were killed and can die are gone
 * within milliseconds: waited for once.
 */
static bool dares(struct run *r)
{
	for (int ms = 0;; ms++) {
		reap(r->feed);
		if (left_behind(r) + r->n_readers < ABANDONED_MAX)
			return true;
		if (r->n_readers > 0 || r->despairs)
			return false;
		r->despairs = ms == DYING_MS;
		usleep(1000);
	}
}

/*
 * Where no process can be started (the pid limit is the very story that is to be told) the harmless
 * are read by this one; the others are not, and say why.
 */
static void read_here(struct run *r, size_t k, int err)
{
	struct table *out[TABLES] = { 0 };
	const enum table_id *ids = sources[k]->fills;
	char why[96];

	if (sources[k]->manner == MANNER_RISKY) {
		snprintf(why, sizeof(why),
			"needs a process of its own, and none can be started: %s", strerror(-err));
		fail_source(r, k, STATE_DENIED, why);
		return;
	}
	host_set_tap(r->feed->host, r->feed->tap, r->feed->tap_arg);
	reader_read(&r->job, k, out);
	host_set_tap(r->feed->host, NULL, NULL);
	for (size_t i = 0; i < SOURCE_TABLES_MAX && ids[i]; i++) {
		if (out[ids[i]])
			put_table(r, k, ids[i], out[ids[i]]);
	}
	r->progress[k] = DONE;
}

/*
 * False when it has to wait: what is short (processes, descriptors) comes back when the readers
 * that run now end. With none running we have to do it ourselves.
 */
static bool start(struct run *r, const size_t *list, size_t n)
{
	bool tame = !r->alone && sources[list[0]]->manner == MANNER_INLINE;

	if (!tame && !dares(r)) {
		for (size_t i = 0; i < n && r->n_readers == 0; i++)
			fail_source(r, list[i], STATE_LATE, too_many);
		return r->n_readers == 0;
	}
	struct reader *reader = r->n_readers < READERS_MAX ? mem_new(1, sizeof(*reader)) : NULL;
	int err = -ENOMEM;

	if (reader) {
		memcpy(reader->source, list, n * sizeof(*list));
		reader->n_sources = n;
		r->job.source = reader->source;
		r->job.n_sources = n;
		r->job.n_pipes = r->n_readers;
		for (size_t i = 0; i < r->n_readers; i++)
			r->job.pipe[i] = r->reader[i]->fd;
		reader->pid = reader_start(&r->job, &reader->fd);
		err = reader->pid < 0 ? reader->pid : 0;
	}
	if (err < 0) {
		free(reader);
		if (r->n_readers > 0)
			return false;
		for (size_t i = 0; i < n; i++)
			read_here(r, list[i], err);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		r->progress[list[i]] = RUNNING;
	arm(r, reader);
	r->reader[r->n_readers++] = reader;
	return true;
}

/* Start what may start now. True when others may have become ready by that: call again. */
static bool launch(struct run *r)
{
	size_t shared[SOURCES_MAX], n_shared = 0;
	bool more = false;

	for (size_t k = 0; k < n_sources; k++) {
		const struct source *s = sources[k];

		if (r->progress[k] != WAITING)
			continue;
		if (r->feed->stuck[k] > 0) {
			fail_source(r, k, STATE_LATE, "still hangs from an earlier read");
			more = true;
			continue;
		}
		if (left_behind(r) > ABANDONED_MAX && !r->feed->answered[k] && r->n_readers == 0) {
			fail_source(r, k, STATE_LATE, too_many);
			more = true;
			continue;
		}
		/* Of those that share a reader, order in the list stands for uses and after. */
		if (s->manner == MANNER_INLINE && !r->alone && s->rank == 0) {
			shared[n_shared++] = k;
			continue;
		}
		if (!run_ready(r, k) || n_shared > 0)
			continue;
		if (run_superfluous(r, s))
			r->progress[k] = DONE;
		else if (run_too_exact(r, s))
			fail_source(r, k, STATE_ABSENT, "is not asked: it has exact values only");
		else if (!start(r, &k, 1))
			return false;
		more |= r->progress[k] == DONE;
	}
	return n_shared > 0 ? start(r, shared, n_shared) : more;
}

static void drop_reader(struct run *r, size_t i)
{
	struct reader *reader = r->reader[i];

	close(reader->fd);
	strbuf_release(&reader->in);
	free(reader);
	r->reader[i] = r->reader[--r->n_readers];
}

/* It said that it was done and is in exit: wait for its CPU time, but not for ever. */
static void leave(struct feed *f, pid_t pid)
{
	int status;

	for (int ms = 0; ms < 20; ms++) {
		if (reaped(f, pid, &status))
			return;
		usleep(1000);
	}
	for (size_t i = 0; i < READERS_MAX; i++) {
		if (f->leaving[i] == 0) {
			f->leaving[i] = pid;
			return;
		}
	}
}

static void drop_watch(struct feed *f)
{
	struct run *r = f->watch;

	f->watch = NULL;
	while (r && r->n_readers > 0) {
		kill(r->reader[0]->pid, SIGKILL);
		leave(f, r->reader[0]->pid);
		drop_reader(r, 0);
	}
	if (r)
		frame_release(&r->watched);
	free(r);
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	drop_watch(f);
	reap(f);
	run_free_feed(f);
}

/* End a reader at the source that it is at; what it had not begun waits again. */
static void give_up(struct run *r, size_t i, enum state state, const char *why)
{
	struct reader *reader = r->reader[i];
	size_t at = reader->source[reader->at];

	if (reader->pid > 0)
		kill(reader->pid, SIGKILL);
	fail_source(r, at, state, why);
	for (size_t k = reader->at + 1; k < reader->n_sources; k++)
		r->progress[reader->source[k]] = WAITING;
	r->alone = true;
	r->feed->stuck[at] = reader->pid;
	drop_reader(r, i);
}

static void take_message(
	struct run *r, struct reader *reader, const struct wire_head *head, const char *body)
{
	struct table *t;
	enum table_id id;

	switch (head->kind) {
	case WIRE_TABLE:
		if (wire_get_table(body, head->len, &id, &t) == 0)
			put_table(r, head->source, id, t);
		break;
	case WIRE_TAP:
		if (r->feed->tap)
			wire_get_tap(body, head->len, r->feed->tap, r->feed->tap_arg);
		break;
	case WIRE_DONE:
		r->progress[head->source] = DONE;
		r->feed->answered[head->source] = true;
		if (++reader->at < reader->n_sources)
			arm(r, reader);
		break;
	default:
		arm(r, reader);
	}
}

/* Take the whole messages that have come. False when the reader has ended. */
static bool receive(struct run *r, struct reader *reader)
{
	struct strbuf *in = &reader->in;
	size_t from = 0;

	if (strbuf_reserve(in, 256 * 1024) < 0)
		return false;
	ssize_t n = read(reader->fd, in->bytes + in->len, in->size - in->len - 1);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	in->len += (size_t)n;
	while (in->len - from >= sizeof(struct wire_head)) {
		struct wire_head head;

		memcpy(&head, in->bytes + from, sizeof(head));
		if (head.source >= n_sources)
			return false;
		if (in->len - from - sizeof(head) < head.len)
			break;
		take_message(r, reader, &head, in->bytes + from + sizeof(head));
		from += sizeof(head) + head.len;
	}
	if (from > 0)
		memmove(in->bytes, in->bytes + from, in->len - from);
	in->len -= from;
	return true;
}

static void ended(struct run *r, size_t i)
{
	struct reader *reader = r->reader[i];
	char why[64] = "ended without an answer";
	int status = 0;

	if (reader->at == reader->n_sources) {
		leave(r->feed, reader->pid);
		drop_reader(r, i);
		return;
	}
	kill(reader->pid, SIGKILL);
	if (reaped(r->feed, reader->pid, &status)) {
		reader->pid = 0;
		if (WIFSIGNALED(status))
			snprintf(why, sizeof(why), "crashed with signal %d", WTERMSIG(status));
	}
	give_up(r, i, STATE_BROKEN, why);
}

/* Wait for readers until one says something or is late. */
static void wait_for_readers(struct run *r)
{
	struct pollfd fds[READERS_MAX];
	uint64_t now = clock_ns(CLOCK_MONOTONIC), first = r->deadline_ns;

	for (size_t i = 0; i < r->n_readers; i++) {
		fds[i] = (struct pollfd){ .fd = r->reader[i]->fd, .events = POLLIN };
		if (r->reader[i]->deadline_ns < first)
			first = r->reader[i]->deadline_ns;
	}
	int wait_ms = first > now ? (int)((first - now) / 1000000) + 1 : 0;

	if (poll(fds, r->n_readers, wait_ms) < 0) {
		for (size_t i = 0; i < r->n_readers; i++)
			fds[i].revents = 0;
		if (errno != EINTR)
			usleep(1000);
	}
	now = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = r->n_readers; i-- > 0;) {
		struct reader *reader = r->reader[i];

		/* All said: a child that it could not end may keep the pipe open for ever. */
		if (fds[i].revents && (!receive(r, reader) || reader->at == reader->n_sources))
			ended(r, i);
		else if (reader->at < reader->n_sources &&
			 (now > reader->deadline_ns || now > r->deadline_ns))
			give_up(r, i, STATE_LATE, "gave no answer in time");
	}
}

static void run_all(struct run *r)
{
	for (;;) {
		while (launch(r))
			;
		if (r->n_readers == 0)
			return;
		wait_for_readers(r);
		if (clock_ns(CLOCK_MONOTONIC) < r->deadline_ns)
			continue;
		for (size_t k = 0; k < n_sources; k++) {
			if (r->progress[k] == WAITING)
				fail_source(r, k, STATE_LATE, "had no time left");
		}
	}
}

static void run_begin(struct run *r)
{
	bool live = host_is_live(r->feed->host);

	reap(r->feed);
	r->deadline_ns = clock_ns(CLOCK_MONOTONIC) + (live ? r->feed->budget_ns : BUDGET_ROOT_NS);
	r->job.host = r->feed->host;
	r->job.frame = r->frame;
	r->job.was = r->feed->was;
	r->job.wanted = r->wanted;
	r->job.tap = r->feed->tap != NULL;
	r->job.memory = r->feed->memory;
	run_want_uses(r);
	run_share_memory(r);
	for (size_t k = 0; k < n_sources; k++) {
		if (run_fills_wanted(r, sources[k]))
			r->progress[k] = WAITING;
	}
}

static int run_end(struct run *r)
{
	run_all(r);
	for (int id = 1; id < TABLES; id++) {
		if (!r->wanted[id] || r->frame->at[id])
			continue;
		r->frame->at[id] = table_new(schemas[id]);
		if (!r->frame->at[id])
			return -ENOMEM;
		table_fail(r->frame->at[id], STATE_ABSENT, "not built into this murphy");
	}
	reap(r->feed);
	return 0;
}

static bool is_watched(const struct feed *f, const struct need *n)
{
	return n->for_ns > 0 && !n->ask && host_is_live(f->host);
}

void feed_watch(struct feed *f, const struct need *needs, size_t n_needs)
{
	struct run *r = NULL;

	drop_watch(f);
	for (size_t i = 0; i < n_needs; i++) {
		if (!is_watched(f, &needs[i]))
			continue;
		r = r ? r : mem_new(1, sizeof(*r));
		if (!r)
			return;
		r->wanted[needs[i].table] = true;
	}
	if (!r)
		return;
	r->feed = f;
	r->frame = &r->watched;
	r->job.needs = needs;
	r->job.n_needs = n_needs;
	run_begin(r);
	while (launch(r))
		;
	f->watch = r;
}

/* What was watched becomes part of frame. */
static int end_watch(struct feed *f, struct frame *frame)
{
	struct run *r = f->watch;

	if (!r)
		return 0;
	f->watch = NULL;
	r->deadline_ns = clock_ns(CLOCK_MONOTONIC) + f->budget_ns;
	int err = run_end(r);

	for (int id = 1; id < TABLES && err == 0; id++) {
		if (!r->watched.at[id] || frame->at[id])
			continue;
		frame->at[id] = r->watched.at[id];
		r->watched.at[id] = NULL;
	}
	frame_release(&r->watched);
	free(r);
	return err;
}

int feed_frame(struct feed *f, unsigned int index, bool last, const struct need *needs,
	size_t n_needs, struct frame *ret_frame)
{
	struct frame frame = { 0 };
	struct run r = { .feed = f, .frame = &frame };
	int err = host_set_frame(f->host, index);

	if (err < 0)
		return err;
	frame.boottime_ns = host_boottime_ns(f->host);
	frame.walltime_ns = host_walltime_ns(f->host);
	for (size_t i = 0; i < n_needs; i++) {
		if (!needs[i].ask && !is_watched(f, &needs[i]) && (last || needs[i].rate))
			r.wanted[needs[i].table] = true;
	}
	r.job.needs = needs;
	r.job.n_needs = n_needs;
	run_begin(&r);
	err = run_end(&r);
	if (err == 0 && last)
		err = end_watch(f, &frame);
	if (err < 0)
		frame_release(&frame);
	else
		*ret_frame = frame;
	return err;
}

int feed_asks(struct feed *f, const struct feed_ask *asks, size_t n, const struct need *needs,
	size_t n_needs, struct frame *frame)
{
	struct run r = { .feed = f, .frame = frame };

	for (size_t i = 0; i < n; i++) {
		r.wanted[asks[i].table] = true;
		table_unref(frame->at[asks[i].table]);
		frame->at[asks[i].table] = NULL;
	}
	r.job.asks = asks;
	r.job.n_asks = n;
	r.job.needs = needs;
	r.job.n_needs = n_needs;
	run_begin(&r);
	return run_end(&r);
}
