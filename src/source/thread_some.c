/* SPDX-License-Identifier: MIT */
/* Threads of a host with very many, where eBPF cannot be had or does not pay. */
#include "source/threads.h"

#include <errno.h>

/* 50 ms CPU in each frame. */
enum { SOME = 4000 };

static int read_some(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_thread);
	struct threads_plan plan = threads_plan(p);

	if (!t)
		return 0;
	if (!probe_used(p, TABLE_process))
		return -ENODATA;
	if (plan.way == THREADS_MANY)
		return threads_walk(p, t, &plan, SOME);
	table_fail(t, STATE_ABSENT,
		"%llu threads, not read: neither load nor procs_blocked tells of one that waits",
		(unsigned long long)plan.n);
	return 0;
}

const struct source source_thread_some = {
	.name = "thread_some",
	.fills = { TABLE_thread },
	.uses = { TABLE_process, TABLE_kernel_stat, TABLE_cpu, TABLE_loadavg },
	.rank = 2,
	.deadline_ns = 500000000,
	.denied = "needs root: /proc is mounted with hidepid",
	.read = read_some,
};
