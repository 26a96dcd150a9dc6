/* SPDX-License-Identifier: MIT */
/* Threads where they are few; with more it stands back for thread_bpf and thread_some. */
#include "source/threads.h"

#include <errno.h>

static int read_thread(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_thread);
	struct threads_plan plan = threads_plan(p);

	if (!t)
		return 0;
	if (!probe_used(p, TABLE_process))
		return -ENODATA;
	if (plan.way == THREADS_ALL)
		return threads_walk(p, t, &plan, UINT64_MAX);
	table_fail(t, STATE_ABSENT, "%llu threads, not read: %s", (unsigned long long)plan.n,
		plan.way == THREADS_NONE ? "neither load nor procs_blocked tells of one that waits"
					 : "too many to walk all");
	return 0;
}

const struct source source_thread = {
	.name = "thread",
	.fills = { TABLE_thread },
	.uses = { TABLE_process, TABLE_kernel_stat, TABLE_cpu, TABLE_loadavg },
	.deadline_ns = 500000000,
	.denied = "needs root: /proc is mounted with hidepid",
	.read = read_thread,
};
