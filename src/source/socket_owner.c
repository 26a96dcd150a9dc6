/* SPDX-License-Identifier: MIT */
/* Who holds a socket, by reading all links of /proc/PID/fd. */
#include "base/cursor.h"
#include "source/owners.h"
#include "source/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct walk {
	struct probe *probe;
	struct owners owners;
	struct strbuf names;
	size_t denied; /* processes that did not let us look */
};

/* 0, -ETIME when it became late, else -errno of the directory: most often the process is gone. */
static int walk_process(struct walk *w, uint64_t pid)
{
	struct host *h = w->probe->host;
	char path[96], target[64];
	int len = snprintf(path, sizeof(path), "proc/%llu/fd", (unsigned long long)pid);
	int err = host_list(h, path, &w->names);

	if (err < 0)
		return err;
	for (const char *name = NULL; (name = host_next_name(&w->names, name));) {
		uint64_t inode, fd;
		struct cursor c = cursor_of(name, strlen(name));

		if (probe_late(w->probe))
			return -ETIME;
		if (!cursor_u64(&c, &fd) || !cursor_end(&c))
			continue;
		snprintf(path + len, sizeof(path) - (size_t)len, "/%llu", (unsigned long long)fd);
		ssize_t n = host_link(h, path, target, sizeof(target));

		if (n > 0 && proc_socket_inode(target, (size_t)n, &inode))
			owners_add(&w->owners, inode, pid, fd);
	}
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
		int err = probe_late(w->probe) ? -ETIME : walk_process(w, proc->pid);

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
	strbuf_release(&w.names);
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
