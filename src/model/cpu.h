/* SPDX-License-Identifier: MIT */
/* What the CPUs did over the look, and who had to wait for one. */
#ifndef MURPHY_MODEL_CPU_H
#define MURPHY_MODEL_CPU_H

#include "model/model.h"

/* All ratios are of the time that all CPUs had together; absent without two frames. */
struct cpu_model {
	enum state state;   /* of the cpu table */
	uint64_t cpus;      /* online; 0: unknown */
	uint64_t looked_ns; /* 0: only one frame */
	struct reading user, nice, system, irq, softirq, steal, iowait, idle;
	struct reading busy;    /* neither idle nor waiting for I/O; stolen time is not busy */
	struct reading busiest; /* busy of the busiest CPU */
	int64_t busiest_cpu;
	struct reading runnable; /* tasks, the lower of the frames; murphy's own are in it */
	struct reading load_1m;
	/*
	 * Share of the look in which at least one task waited for a CPU (PSI). Cgroup throttling
	 * counts as waiting here, so it says little without busy.
	 */
	struct reading stalled;
	struct reading stalled_10s; /* the kernel's own average, for one frame */
};

/*
 * Share of the look that a CPU (a row of the cpu table) spent as column says, which is one of its
 * times. A time that a kernel does not tell counts as none.
 */
struct reading cpu_part(const struct model *m, const struct cpu *row, unsigned int column);

/*
 * A clock source that is a device behind a bus, in a guest an emulated one, or that only counts
 * ticks. Xen's is none: read by a system call on some kernels, yet the best that there is.
 */
bool cpu_clock_slow(const char *name);

#endif
