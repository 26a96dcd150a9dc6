/* SPDX-License-Identifier: MIT */
/* Memory of the host by who holds it, and what reclaim does to get more. */
#ifndef MURPHY_MODEL_MEMORY_H
#define MURPHY_MODEL_MEMORY_H

#include "model/model.h"
#include "model/pressure.h"

enum { MEMORY_HOLDERS = 3 };

/* A process that holds much. Shared memory is counted for each process that maps it. */
struct memory_holder {
	uint64_t pid;
	const char *comm;       /* of the process table; "" when that is missing */
	uint64_t private_bytes; /* anonymous and swapped out: gone when the process is */
	uint64_t shmem_bytes;
	uint64_t locked_bytes;
};

enum memory_shortage {
	SHORTAGE_UNKNOWN,
	SHORTAGE_NONE,
	SHORTAGE_LOW,   /* little is available; nobody is known to wait */
	SHORTAGE_STALL, /* little is available and tasks wait for memory */
};

/*
 * Available memory below this share is low: reclaim runs for any larger allocation. From here the
 * kernel's own reserves (watermarks, about 1 %) and a burst of one process are a short way.
 */
#define MEMORY_LOW_RATIO 0.10
/* Below this share a stall for memory may come from the host; above, something narrower is full. */
#define MEMORY_AMPLE_RATIO 0.20
/*
 * Waiting 5 % of the time for memory is what a person feels as slow (PSI's own alarms start here).
 */
#define MEMORY_STALL_RATIO 0.05

struct memory_model {
	struct reading available_ratio; /* MemAvailable over MemTotal; an estimate before 3.14 */
	struct reading available_bytes;
	uint64_t total_bytes;
	uint64_t applications_bytes; /* anonymous pages */
	uint64_t shmem_bytes;
	uint64_t cache_bytes; /* page cache and buffers without shmem */
	uint64_t slab_bytes;
	uint64_t page_tables_bytes;
	uint64_t kernel_bytes; /* stacks, percpu, vmalloc */
	uint64_t hugetlb_bytes;
	uint64_t free_bytes;
	uint64_t swap_used_bytes;
	struct reading swap_used_ratio; /* absent without swap */

	/* What looks like cache ("buff/cache" of free) and which of it reclaim can have at once. */
	uint64_t cached_bytes;      /* Cached, Buffers: shmem included */
	uint64_t reclaimable_bytes; /* of it on the file lists and clean */
	uint64_t stuck_bytes;       /* the rest: shmem, mlocked, dirty, under writeback */
	uint64_t mlocked_bytes;
	uint64_t dirty_bytes; /* dirty and under writeback */

	/* Per second over the look; absent without two frames. */
	struct reading direct_reclaims_per_s; /* allocations that had to reclaim by themselves */
	struct reading refault_pages_per_s;   /* pages read back soon after they were dropped */
	struct reading swap_in_pages_per_s, swap_out_pages_per_s;
	struct reading major_faults_per_s;

	enum memory_shortage shortage;
	struct memory_holder by_private[MEMORY_HOLDERS], by_shmem[MEMORY_HOLDERS];
	size_t n_private, n_shmem;
};

/* The shortage in words for evidence and causes, e.g. "tasks wait for memory". Static. */
const char *memory_shortage_text(enum memory_shortage s);

#endif
