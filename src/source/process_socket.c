/* SPDX-License-Identifier: MIT */
/* The sockets of the processes that were asked for: the links of /proc/PID/fd. */
#include "base/cursor.h"
#include "source/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SOCKETS_MAX = 65536 };

static int add_socket(struct table *t, uint64_t inode, uint64_t pid, uint64_t fd)
{
	struct process_socket *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_SOCKET_inode, inode);
	row_put(t->schema, row, PROCESS_SOCKET_pid, pid);
	row_put(t->schema, row, PROCESS_SOCKET_fd, fd);
	return 0;
}

/* 0 or -errno; -ETIME: not all in time. */
static int read_process(struct probe *p, struct table *t, uint64_t pid)
{
	char path[PROC_PATH_MAX], target[64];
	auto_strbuf names = { 0 };
	int err = host_list(p->host, proc_path(path, pid, "fd"), &names);

	for (const char *s = NULL; err == 0 && (s = host_next_name(&names, s));) {
		struct cursor c = cursor_of(s, strlen(s));
		uint64_t fd, inode;

		if (probe_late(p) || t->n >= SOCKETS_MAX)
			return -ETIME;
		if (!cursor_u64(&c, &fd) || !cursor_end(&c))
			continue;
		snprintf(path, sizeof(path), "proc/%llu/fd/%llu", (unsigned long long)pid,
			(unsigned long long)fd);
		ssize_t n = host_link(p->host, path, target, sizeof(target));

		if (n > 0 && proc_socket_inode(target, (size_t)n, &inode))
			err = add_socket(t, inode, pid, fd);
	}
	return err;
}

static int read_sockets(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_process_socket);
	struct tally tally = { 0 };
	bool late = false;

	if (!t)
		return 0;
	for (size_t i = 0; i < p->n_asked[TABLE_process_socket] && !late; i++) {
		int err = read_process(p, t, p->asked[TABLE_process_socket][i]);

		if (err == -ENOMEM)
			return err;
		late = err == -ETIME;
		tally_count(&tally, late ? 0 : err);
	}
	tally_close(&tally, t, "needs CAP_SYS_PTRACE or root");
	if (late)
		table_fail(t, STATE_LATE, "not all descriptors were read in time");
	return 0;
}

const struct source source_process_socket = {
	.name = "process_socket",
	.fills = { TABLE_process_socket },
	.cost = COST_ASKED,
	.deadline_ns = 300000000,
	.denied = "needs CAP_SYS_PTRACE or root",
	.read = read_sockets,
};
