/* SPDX-License-Identifier: MIT */
#include "cmd/tcp_join_read.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cmd/command.h"
#include "cmd/terminal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Several lines at a time, and always room for the longest. */
enum { BUFFER = 8 * TCP_LINE_MAX };

static int wait_readable(const struct dump_reader *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };

	if (r->deadline_ns == 0)
		return 0;
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int ms = now < r->deadline_ns ? (int)((r->deadline_ns - now) / 1000000) + 1 : 0;
	int n = poll(&p, 1, ms);

	return n > 0 ? 0 : n < 0 && errno != EINTR ? -errno : n < 0 ? 0 : -ETIME;
}

/* More bytes behind those that are there. 0 or -errno. */
static int fill(struct dump_reader *r)
{
	if (!r->buf)
		r->buf = mem_new(BUFFER, 1);
	if (!r->buf)
		return -ENOMEM;
	memmove(r->buf, r->buf + r->at, r->len - r->at);
	r->len -= r->at;
	r->at = 0;
	int err = wait_readable(r);
	ssize_t n = err < 0 ? err : read(r->fd, r->buf + r->len, BUFFER - r->len);

	if (err < 0 || (n < 0 && errno == EINTR))
		return err;
	if (n < 0)
		return -errno;
	r->eof = n == 0;
	r->len += (size_t)n;
	return 0;
}

/* 1: a line; 0: the end; < 0. What does not end with a line break is cut off. */
static int next_line(struct dump_reader *r, struct span *ret)
{
	for (;;) {
		const char *from = r->buf ? r->buf + r->at : NULL;
		const char *end = from ? memchr(from, '\n', r->len - r->at) : NULL;

		if (end) {
			*ret = (struct span){ from, (size_t)(end - from) };
			r->at += ret->len + 1;
			r->line++;
			return 1;
		}
		if (r->len - r->at > TCP_LINE_MAX)
			return -EINVAL;
		if (r->eof)
			return r->len > r->at ? -ENODATA : 0;
		int err = fill(r);

		if (err < 0)
			return err;
	}
}

static int take(const struct tcp_line *l, int (*row)(void *, const struct join_row *), void *ctx)
{
	struct join_row r;
	int err = join_row_of(&l->row, l->local, l->peer, l->pid, l->command, &r);

	return err < 0 ? err : row(ctx, &r);
}

int dump_next(struct dump_reader *r, int (*row)(void *ctx, const struct join_row *row), void *ctx,
	struct dump_end *ret_end)
{
	struct tcp_line l;
	struct span line;
	uint64_t rows = 0;
	int got;

	while ((got = next_line(r, &line)) > 0) {
		int err = tcp_line_parse(line.at, line.len, &l);

		if (err == 0 && l.kind == TCP_LINE_CONNECTION)
			err = take(&l, row, ctx);
		if (err < 0)
			return err;
		rows += l.kind == TCP_LINE_CONNECTION;
		if (l.kind != TCP_LINE_END)
			continue;
		/* Lines were cut out: what they would tell must not be taken for missing there. */
		if (l.has_listed && l.listed != rows)
			return -EINVAL;
		*ret_end = (struct dump_end){ .taken_ns = l.taken_ns,
			.blind = l.blind || l.unlisted > 0 };
		memcpy(ret_end->host, l.host, sizeof(l.host));
		return 1;
	}
	return got == 0 && rows ? -ENODATA : got;
}

int dump_refused(const struct dump_reader *r, int err)
{
	switch (-err) {
	case EINVAL:
		log_error("%s: line %llu is not of murphy tcp --json", r->name,
			(unsigned long long)r->line + (r->line == 0));
		return EXIT_USAGE;
	case ENODATA:
		log_error("%s: it breaks off: no line of kind tcp ends it", r->name);
		return EXIT_USAGE;
	case ETIME:
		log_error("%s: no answer in time", r->name);
		return EXIT_BLIND;
	default:
		log_error("%s: %s", r->name, strerror(-err));
		return exit_of_open(err);
	}
}

void dump_release(struct dump_reader *r)
{
	free(r->buf);
	if (r->fd >= 0)
		close(r->fd);
	*r = (struct dump_reader){ .fd = -1 };
}
