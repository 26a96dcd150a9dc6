/* SPDX-License-Identifier: MIT */
/*
 * Which threads are worth reading, and how. All are read where they are few. Of thousands a look
 * costs as much as all the rest of murphy, so they are read only when something cheap tells that
 * more wait than the main threads show.
 */
#ifndef MURPHY_SOURCE_THREADS_H
#define MURPHY_SOURCE_THREADS_H

#include "source/source.h"

enum threads_way {
	THREADS_ALL,  /* walk them: there are few */
	THREADS_MANY, /* by eBPF, or, without it, as many as there is time for */
	THREADS_NONE, /* so many that they are not read without a reason */
};

struct threads_plan {
	enum threads_way way;
	bool times;     /* CPUs are crowded: who waits for one counts too */
	uint64_t n;     /* threads that are no main thread */
	bool worth_bpf; /* of THREADS_MANY: loading the program costs less than walking them */
};

/* Uses the tables process, kernel_stat, cpu, loadavg, and thread of the frame before. Pure. */
struct threads_plan threads_plan(const struct probe *p);

/*
 * Read /proc/PID/task of all processes with several threads into t, until the deadline or most
 * threads; what is likeliest to be stuck first. Sets t's state. 0 or -ENOMEM.
 */
int threads_walk(struct probe *p, struct table *t, const struct threads_plan *plan, uint64_t most);

#endif
