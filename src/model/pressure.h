/* SPDX-License-Identifier: MIT */
/* How much of the time tasks of the host waited for CPU, memory and I/O. */
#ifndef MURPHY_MODEL_PRESSURE_H
#define MURPHY_MODEL_PRESSURE_H

#include "model/model.h"

/* Shares of time, 0..1. some: at least one task waited; full: no task could work. */
struct stall {
	struct reading some, full;         /* over the look: counter by elapsed time */
	struct reading some_10s, full_10s; /* the kernel's average of 10 s */
	struct reading some_60s;
	struct reading some_now; /* some; its average of 10 s where the look has no two frames */
};

struct pressure_model {
	struct stall cpu, memory, io;
	enum state state; /* of the table: ABSENT without CONFIG_PSI or with psi=0 */
};

#endif
