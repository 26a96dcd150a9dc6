/* SPDX-License-Identifier: MIT */
/* Who holds a socket, by reading all links of /proc/PID/fd. */
#include "source/owners.h"
#include "source/proc.h"

#include <errno.h>

struct walk {
	struct probe *probe;
	struct owners owners;
	size_t denied; /* processes that did not let us look */
};

static int look_at(void *arg, uint64_t pid, uint64_t fd)
{
	struct walk *w = arg;
	uint64_t inode;

	if (proc_socket(w->probe->host, pid, fd, &inode))
		owners_add(&w->owners, inode, pid, fd);
	return 0;
}

/*
 * All processes, even when each socket has an owner already: a child that inherited it keeps it
 * open, and who is to close it is the question.
 */
static int walk_processes(struct walk *w)
{
	for (table_each(const struct process, proc, probe_used(w->probe, TABLE_process))) {
		if (proc->kthread)
			continue;
		int err = probe_late(w->probe) ? -ETIME : proc_fds(w->probe, proc->pid, look_at, w);

		if (err == -ETIME || err == -ENOMEM)
			return err;
		if (err == -EACCES || err == -EPERM)
			w->denied++;
	}
	return 0;
}

static int read_owners(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_socket_owner);
	struct walk w = { .probe = p };

	if (!t)
		return 0;
	if (!probe_used(p, TABLE_process)) {
		table_fail(t, STATE_ABSENT, "the list of processes could not be read");
		return 0;
	}
	int err = owners_init(&w.owners, p);

	if (err == 0)
		err = walk_processes(&w);
	if (err == 0 || err == -ETIME) {
		bool whole = err == 0 && w.denied == 0;
		int added = owners_rows(&w.owners, t, whole, err ? STATE_LATE : STATE_DENIED);

		table_fail(t, err ? STATE_LATE : STATE_OK, "%s",
			err        ? "not all descriptors were read in time"
			: w.denied ? "descriptors of other users need CAP_SYS_PTRACE"
				   : "");
		t->lost += w.denied;
		err = added;
	}
	owners_release(&w.owners);
	return err;
}

const struct source source_socket_owner = {
	.name = "socket_owner",
	.fills = { TABLE_socket_owner },
	.uses = { TABLE_process },
	.rank = 1,
	.cost = COST_ASKED,
	.deadline_ns = 600000000,
	.denied = "needs CAP_SYS_PTRACE",
	.read = read_owners,
};
