/* SPDX-License-Identifier: MIT */
/*
 * Who has the machine's memory, each physical page once: what processes map, what the kernel has
 * for itself, what is free. The rows add up to MemTotal but for what nobody tells.
 */
#ifndef MURPHY_MODEL_MEM_ACCOUNT_H
#define MURPHY_MODEL_MEM_ACCOUNT_H

#include "base/state.h"
#include "sample/frame.h"

enum mem_row {
	MEM_ROW_PROCESSES, /* sum of PSS */
	MEM_ROW_UNSEEN,    /* mapped, by processes that were not measured */
	MEM_ROW_CACHE,     /* of files, not mapped */
	MEM_ROW_SHMEM,     /* tmpfs, memfd, System V: not mapped */
	MEM_ROW_CACHES,    /* the two together, where they cannot be told apart */
	MEM_ROW_BUFFERS,
	MEM_ROW_SWAP_CACHE, /* not mapped */
	MEM_ROW_SLAB_RECLAIMABLE,
	MEM_ROW_SLAB,
	MEM_ROW_RECLAIMABLE, /* of the kernel, not slab */
	MEM_ROW_PAGE_TABLES,
	MEM_ROW_SECONDARY,
	MEM_ROW_STACKS,
	MEM_ROW_VMALLOC, /* without stacks, where they are there */
	MEM_ROW_PERCPU,
	MEM_ROW_HUGETLB,
	MEM_ROW_ZSWAP,
	MEM_ROW_FUSE,
	MEM_ROW_BOUNCE,
	MEM_ROW_GPU,
	MEM_ROW_ARC,
	MEM_ROW_CMA, /* that devices have; the rest of CMA is free, or in other rows */
	MEM_ROW_CPU_LISTS,
	MEM_ROW_FREE,
	MEM_ROWS
};

struct mem_account {
	struct reading total;         /* MemTotal; without it there is no account */
	struct reading row[MEM_ROWS]; /* absent: this kernel does not tell; counted nowhere */
	struct reading mapped;      /* AnonPages and Mapped: what PSS of all processes adds up to */
	struct reading unaccounted; /* the rest; negative: something is counted twice, or moved */
	struct reading cma_used;    /* lent to others or a device's: no row of its own */
};

/* "page_cache", and what it is in words. Static. */
const char *mem_row_name(enum mem_row row);
const char *mem_row_text(enum mem_row row);

/*
 * Fold meminfo, zone, cma and vmstat of f. pss: of all groups, absent: not measured, then what the
 * kernel says that is mapped stands for it; all: of every process there is. shmem: what of tmpfs
 * and shared memory is mapped; absent: not known.
 */
void mem_account_fold(const struct frame *f, struct reading pss, bool all, struct reading shmem,
	struct mem_account *ret);

#endif
