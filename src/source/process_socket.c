/* SPDX-License-Identifier: MIT */
/* The sockets of the processes that were asked for: the links of /proc/PID/fd. */
#include "source/proc.h"

#include <errno.h>

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

static int look_at(void *arg, uint64_t pid, uint64_t fd)
{
	struct probe *p = arg;
	struct table *t = probe_table(p, TABLE_process_socket);
	uint64_t inode;

	if (t->n >= SOCKETS_MAX)
		return -ETIME;
	return proc_socket(p->host, pid, fd, &inode) ? add_socket(t, inode, pid, fd) : 0;
}

static int read_sockets(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_process_socket);
	struct tally tally = { 0 };
	bool late = false;

	if (!t)
		return 0;
	for (size_t i = 0; i < p->n_asked[TABLE_process_socket] && !late; i++) {
		int err = proc_fds(p, p->asked[TABLE_process_socket][i], look_at, p);

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
