/* SPDX-License-Identifier: MIT */
/* Evidence and culprits that several checks of memory share. */
#ifndef MURPHY_CHECK_MEM_H
#define MURPHY_CHECK_MEM_H

#include "check/check.h"
#include "model/memory.h"

/* MemAvailable as a share, against MEMORY_LOW_RATIO. */
void mem_evidence_available(struct finding *f, const struct model *m);

/* The share of the look in which tasks waited for memory, against MEMORY_STALL_RATIO. */
void mem_evidence_stall(struct finding *f, const struct model *m);

/* Info while nobody waits, warning when memory is short, critical when people wait for it. */
enum severity mem_severity(const struct model *m);

/* A process that holds bytes, with "holds 3.2 GiB" as its detail. */
void mem_culprit_holder(struct judgement *j, struct finding *f, const struct model *m, uint64_t pid,
	uint64_t bytes, const char *what);

#endif
