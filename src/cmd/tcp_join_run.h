/* SPDX-License-Identifier: MIT */
/* murphy tcp --json, started here or over there. */
#ifndef MURPHY_CMD_TCP_JOIN_RUN_H
#define MURPHY_CMD_TCP_JOIN_RUN_H

#include "cmd/tcp_join_read.h"

#include <sys/types.h>

/* How murphy is reached on another host: ssh HOST murphy tcp --json ... */
struct remote {
	const char *ssh, *host, *murphy;
};

struct dump_child {
	struct dump_reader reader;
	pid_t pid;
};

/*
 * Start it: r NULL is this host. owners: look for processes, too. seconds: how long it may take
 * until dump_next() gives up. 0 or -errno.
 */
int dump_start(const struct remote *r, bool owners, unsigned int seconds, struct dump_child *ret);

/* Done with it, whether it has ended or not: what it had to say ends with its last line. */
void dump_stop(struct dump_child *c);

#endif
