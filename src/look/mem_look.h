/* SPDX-License-Identifier: MIT */
/* A look at who has the memory: murphy mem. */
#ifndef MURPHY_LOOK_MEM_LOOK_H
#define MURPHY_LOOK_MEM_LOOK_H

#include "feed/feed.h"
#include "model/mem_groups.h"

struct mem_options {
	enum mem_by by;
	bool exact;   /* every page counted, at whatever price */
	bool objects; /* what is shared is wanted in any case: else only where it is free */
	uint64_t pid; /* the mappings of this process, and only it; 0: all processes */
};

struct mem_look;

/* h must outlive it. 0 or -ENOMEM. */
int mem_look_new(struct host *h, const struct mem_options *o, struct mem_look **ret_look);
void mem_look_free(struct mem_look *l);

/*
 * Look now; what was made before is gone. Of a root: its last frame. 0; -ESRCH: there is no such
 * process; -EACCES: processes cannot be listed, see mem_look_frame(); -ENOMEM, or why the frame of
 * a root cannot be entered.
 */
int mem_look_next(struct mem_look *l);

/* What came of it; lives until the next. */
const struct frame *mem_look_frame(const struct mem_look *l);
const struct mem_groups *mem_look_groups(const struct mem_look *l);

/* Boottime when it ended: what the tables' ages are told by. */
uint64_t mem_look_now_ns(const struct mem_look *l);

/*
 * CPU time of murphy and its readers, wall time, and memory of the largest reader, of the last
 * look.
 */
uint64_t mem_look_cpu_ns(const struct mem_look *l);
uint64_t mem_look_wall_ns(const struct mem_look *l);
uint64_t mem_look_peak_bytes(const struct mem_look *l);

#endif
