/* SPDX-License-Identifier: MIT */
/* Processes by what they do now: rates over the look, who they are. */
#ifndef MURPHY_MODEL_PROCESS_H
#define MURPHY_MODEL_PROCESS_H

#include "model/model.h"

/*
 * One process of the last frame. A rate is absent in the first frame, for a process that was not
 * there before (or whose pid another one has now), and when its table could not be read.
 */
struct process_facts {
	uint64_t pid, ppid, session; /* session 0: unknown */
	const char *comm;            /* never NULL; raw bytes */
	const char *cgroup;          /* NULL: unknown */
	uint64_t start_ns, threads, resident_bytes;
	uint32_t state; /* 'R', 'S', 'D'..., of the main thread; 0: unknown */
	bool kthread;
	bool born;    /* was not there in the frame before */
	bool patient; /* nice > 0 or SCHED_IDLE: asked to wait, so its waiting is no harm */
	struct reading cpu_ratio;  /* all threads; 1: one whole CPU */
	struct reading run_ratio;  /* main thread on a CPU, of the look */
	struct reading wait_ratio; /* main thread runnable, waiting for a CPU, of the look */
	/* Of its other threads, as far as they were read, the one that waited most for a CPU. */
	const char *waiter; /* its name; NULL: none is known */
	struct reading waiter_run_ratio, waiter_wait_ratio;
	struct reading read_bytes_per_s, written_bytes_per_s; /* storage */
	struct reading major_faults_per_s;
	struct reading block_delay_ratio; /* waited for block I/O, of the look */
};

struct process_model {
	enum state state;          /* of the process table */
	struct process_facts *row; /* sorted by pid */
	size_t n;
	uint64_t elapsed_ns; /* between the two frames, 0: only one */
	/*
	 * Tasks that waited for a CPU, on average over the look: what the run queues held beyond
	 * those that ran. Threads other than the main one are in it as far as they were read.
	 */
	struct reading waiting;
};

/* NULL when there is no such process. pm may be NULL. */
const struct process_facts *process_find(const struct process_model *pm, uint64_t pid);

#endif
