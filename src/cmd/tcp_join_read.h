/* SPDX-License-Identifier: MIT */
/* What murphy tcp --json printed, of a file or of a program that runs: dump after dump. */
#ifndef MURPHY_CMD_TCP_JOIN_READ_H
#define MURPHY_CMD_TCP_JOIN_READ_H

#include "model/tcp_join.h"
#include "source/tcp_lines.h"

struct dump_reader {
	const char *name; /* for messages */
	int fd;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: none */
	/* private */
	char *buf;
	size_t at, len;
	uint64_t line;
	bool eof;
};

/* What a dump's last line says. */
struct dump_end {
	char host[256];
	uint64_t taken_ns;
	bool blind;
};

/*
 * The rows of the next dump to row(), until its end. 1: there was one; 0: there is none any more;
 * -ENODATA: it breaks off; -EINVAL: damaged; -ETIME; or what row() or the system said, < 0.
 * Errors are told in full by dump_refused().
 */
int dump_next(struct dump_reader *r, int (*row)(void *ctx, const struct join_row *row), void *ctx,
	struct dump_end *ret_end);

/* Log what dump_next() did not like. An exit code. */
int dump_refused(const struct dump_reader *r, int err);

void dump_release(struct dump_reader *r);

#endif
