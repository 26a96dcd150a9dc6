/* SPDX-License-Identifier: MIT */
#include "source/proc.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/*
 * Parse what the link /proc/PID/exe leads to; the row has no pid. Pure.
 *
 * Shape:  a path as its process sees it, " (deleted)" behind it where nothing has that name any
 *         more: after an upgrade the old one and the new one are the same executable to us.
 * Errors: -ENODATA empty.
 * Source: fs/proc/base.c, proc_exe_link(); fs/d_path.c, d_path().
 */
int process_exe_parse(const char *buf, size_t len, struct table *t)
{
	static const char gone[] = " (deleted)";
	size_t tail = sizeof(gone) - 1;
	bool deleted = len > tail && memcmp(buf + len - tail, gone, tail) == 0;

	if (len == 0)
		return -ENODATA;
	text_t path = table_intern(t, buf, deleted ? len - tail : len);
	struct process_exe *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_EXE_path, path);
	row_put(t->schema, row, PROCESS_EXE_deleted, deleted);
	return 0;
}

static int read_one(struct probe *p, struct table *t, uint64_t pid)
{
	char path[PROC_PATH_MAX], target[PATH_MAX];
	ssize_t n = host_link(p->host, proc_path(path, pid, "exe"), target, sizeof(target));
	int err = n < 0 ? (int)n : process_exe_parse(target, (size_t)n, t);

	if (err < 0)
		return err;
	row_put(t->schema, table_at(t, t->n - 1), PROCESS_EXE_pid, pid);
	return 0;
}

/* Kernel threads and zombies run nothing. */
static int read_process_exe(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_process_exe);
	const struct table *processes = probe_used(p, TABLE_process);
	uint64_t start_ns = proc_now_ns(), done = 0;
	struct tally tally = { 0 };

	if (!t)
		return 0;
	if (!processes)
		return -ENODATA;
	for (table_each(const struct process, proc, processes)) {
		if (probe_late(p)) {
			tally_late(&tally, t, done, processes->n, start_ns);
			return 0;
		}
		done++;
		if (proc->kthread || proc->state == 'Z')
			continue;
		int err = read_one(p, t, proc->pid);

		if (err == -ENOMEM)
			return err;
		tally_count(&tally, err);
	}
	tally_close(&tally, t, proc_denied(p, "needs CAP_SYS_PTRACE or root"));
	return 0;
}

const struct source source_process_exe = {
	.name = "process_exe",
	.fills = { TABLE_process_exe },
	.uses = { TABLE_process },
	.deadline_ns = 500000000,
	.denied = "needs CAP_SYS_PTRACE or root",
	.read = read_process_exe,
};
