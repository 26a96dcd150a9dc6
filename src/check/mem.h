/* SPDX-License-Identifier: MIT */
/* Evidence and culprits that several checks of memory share. */
#ifndef MURPHY_CHECK_MEM_H
#define MURPHY_CHECK_MEM_H

#include "check/check.h"
#include "model/mem_groups.h"
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

/*
 * Ask for the memory of the n groups of g that are numbered in which, and of what they share: wants
 * group_share and shared_object, asked. The groups of several checks must be the same, by name:
 * then so are their numbers. True when it was looked for.
 */
bool mem_ask_groups(struct judgement *j, const struct model *m, const struct mem_groups *g,
	const size_t *which, size_t n);

/* What was asked and is known of group number which; NULL: nothing. */
const struct group_share *mem_share_of(const struct model *m, size_t which);

/*
 * Of the objects that processes of group number which share: the one of which they have most, and
 * the one of which they map most. NULL: none is known.
 */
const struct shared_object *mem_shared_most(const struct model *m, size_t which);
const struct shared_object *mem_mapped_most(const struct model *m, size_t which);

/* "/dev/shm/pool", and "shared memory without a name" of a row of shared_object. */
const char *mem_object_name(
	struct judgement *j, const struct model *m, const struct shared_object *o);

#endif
