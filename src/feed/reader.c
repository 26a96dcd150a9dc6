/* SPDX-License-Identifier: MIT */
#include "feed/reader.h"

#include "base/clock.h"
#include "base/standard_fds.h"
#include "feed/replay.h"
#include "feed/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

enum { ROOT_PATIENCE = 16 };
/* And where whoever asks wants all of a table, a million sockets; and for each key of many. */
enum { ALL_PATIENCE = 16, KEY_NS = 10000 };

struct tap_to {
	int fd;
	size_t source;
};

uint64_t reader_deadline_ns(const struct reader_job *job, const struct source *s)
{
	uint64_t watch_ns = 0, keys_ns = 0;
	bool patient = false;

	if (!host_is_live(job->host))
		return s->deadline_ns * ROOT_PATIENCE;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		uint64_t ns = needs_for_ns(job->needs, job->n_needs, s->fills[i]);

		watch_ns = ns > watch_ns ? ns : watch_ns;
		patient |= needs_all(job->needs, job->n_needs, s->fills[i]);
	}
	for (size_t i = 0; i < job->n_asks && s->cost == COST_ASKED; i++)
		keys_ns += job->asks[i].n * KEY_NS;
	/* What is asked for has a deadline that is long enough for all of it. */
	if (patient && s->cost == COST_CHEAP)
		return watch_ns + s->deadline_ns * ALL_PATIENCE;
	return watch_ns + s->deadline_ns + keys_ns;
}

static void send_tap(void *arg, char kind, const char *path, int err, const char *bytes, size_t len)
{
	const struct tap_to *to = arg;

	wire_send_tap(to->fd, to->source, kind, path, err, bytes, len);
}

/* What the source left unsaid about a table of its own. */
static void complete(struct table *t, const struct source *s, int err, uint64_t taken_ns)
{
	if (t->state == STATE_ABSENT && !t->why[0] && err < 0)
		table_fail(t, state_of_errno(err), "%s: %s", s->name, strerror(-err));
	if (t->state == STATE_ABSENT && !t->why[0])
		table_fail(t, STATE_ABSENT, "%s: this machine has none", s->name);
	if (t->state == STATE_DENIED && s->denied)
		table_fail(t, STATE_DENIED, "%s", s->denied);
	if (t->taken_ns == 0)
		t->taken_ns = taken_ns;
}

/* A better source has filled it: this one runs for its other tables. */
static bool filled_better(const struct reader_job *job, const struct source *s, enum table_id id)
{
	return s->rank > 0 && table_usable(frame_table(job->frame, id));
}

/* Fresh tables for what is wanted of s; false when the capture leaves nothing to read. */
static bool prepare(const struct reader_job *job, struct table **out, const struct source *s,
	struct replay *replay)
{
	bool run = false;

	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		enum table_id id = s->fills[i];

		table_unref(out[id]);
		out[id] = NULL;
		if (!job->wanted[id] || filled_better(job, s, id))
			continue;
		if (replay_begin(job->host, s, id, &replay[i]) == 0 && !replay[i].kept)
			out[id] = table_new(schemas[id]);
		run |= out[id] != NULL;
	}
	return run;
}

static void read_source(const struct reader_job *job, size_t index, struct table **out, int out_fd)
{
	const struct source *s = sources[index];
	struct replay replay[SOURCE_TABLES_MAX] = { 0 };
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), taken = host_boottime_ns(job->host);
	struct probe p = {
		.host = job->host,
		.frame = job->frame,
		.was = job->was,
		.out = out,
		.needs = job->needs,
		.n_needs = job->n_needs,
		.memory = job->memory ? job->memory[index] : NULL,
		.deadline_ns = clock_ns(CLOCK_MONOTONIC) + reader_deadline_ns(job, s),
		/* Who reads in our place shows it to the tap as well. */
		.out_fd = job->tap ? 0 : out_fd,
	};

	for (size_t i = 0; i < job->n_asks; i++) {
		p.asked[job->asks[i].table] = job->asks[i].keys;
		p.n_asked[job->asks[i].table] = job->asks[i].n;
	}
	int err = prepare(job, out, s, replay) ? s->read(&p) : 0;

	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		struct table **slot = &out[s->fills[i]];

		if (replay[i].kept)
			*slot = replay[i].kept;
		if (!*slot)
			continue;
		if (!replay[i].kept)
			complete(*slot, s, err, taken);
		replay_end(&replay[i], *slot);
		table_sort(*slot);
		(*slot)->cost_ns = cpu;
		cpu = 0; /* the whole source's, once */
	}
}

void reader_read(const struct reader_job *job, size_t index, struct table **out)
{
	read_source(job, index, out, 0);
}

static void run_source(const struct reader_job *job, struct table **out, size_t index, int fd)
{
	const enum table_id *fills = sources[index]->fills;

	wire_send_mark(fd, WIRE_START, index);
	read_source(job, index, out, fd);
	for (size_t i = 0; i < SOURCE_TABLES_MAX && fills[i]; i++) {
		if (out[fills[i]])
			wire_send_table(fd, index, fills[i], out[fills[i]]);
	}
	wire_send_mark(fd, WIRE_DONE, index);
}

static _Noreturn void reader_main(const struct reader_job *job, int fd, pid_t parent)
{
	struct table *out[TABLES] = { 0 };
	struct tap_to to = { .fd = fd };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	prctl(PR_SET_NAME, "murphy-reader");
	signal(SIGPIPE, SIG_DFL);
	standard_fds_drop();
	for (size_t i = 0; i < job->n_pipes; i++)
		close(job->pipe[i]);
	if (job->tap)
		host_set_tap(job->host, send_tap, &to);
	for (size_t i = 0; i < job->n_sources; i++) {
		to.source = job->source[i];
		run_source(job, out, job->source[i], fd);
	}
	_exit(0);
}

pid_t reader_start(const struct reader_job *job, int *ret_fd)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[0], F_SETPIPE_SZ, 1 << 20);
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		int err = -errno;

		close(fds[0]);
		close(fds[1]);
		return err;
	}
	if (pid == 0) {
		close(fds[0]);
		reader_main(job, fds[1], parent);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}
