/* SPDX-License-Identifier: MIT */
/* Sockets as another murphy told them: the lines of murphy tcp --json, docs/json.md. */
#ifndef MURPHY_SOURCE_TCP_LINES_H
#define MURPHY_SOURCE_TCP_LINES_H

#include "base/cursor.h"
#include "sample/tables.h"

/* A line that is longer is damaged: those with most columns have 2 KB. */
enum { TCP_LINE_MAX = 1 << 16 };

enum tcp_line_kind {
	TCP_LINE_OTHER, /* a kind that is not of murphy tcp --json, or will be one day */
	TCP_LINE_CONNECTION,
	TCP_LINE_END, /* kind tcp: the dump that it ends is whole */
};

struct tcp_line {
	enum tcp_line_kind kind;
	/* a connection; its texts stand here, not in a table */
	struct tcp_socket row;
	char local[48], peer[48], command[32];
	uint64_t pid; /* 0: none, or not known */
	/* an end */
	char host[256];
	uint64_t taken_ns;                  /* 0: not told */
	uint64_t unlisted;                  /* sockets that are no line */
	uint64_t listed;                    /* and that are, where has_listed */
	bool counted, has_listed, has_lost; /* unlisted, listed, lost[] are told */
	bool blind; /* sockets are missing; that owners are does not matter here */
};

/* One line. 0, or -EINVAL: it is damaged. Pure; *ret is written only on success. */
int tcp_line_parse(const char *line, size_t len, struct tcp_line *ret);

#endif
