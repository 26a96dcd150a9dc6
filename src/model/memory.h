/* SPDX-License-Identifier: MIT */
/* Memory of the host by who holds it. */
#ifndef MURPHY_MODEL_MEMORY_H
#define MURPHY_MODEL_MEMORY_H

#include "model/model.h"

struct memory_model {
	struct reading available_ratio; /* MemAvailable over MemTotal */
	uint64_t total_bytes;
	uint64_t applications_bytes; /* anonymous pages */
	uint64_t shmem_bytes;
	uint64_t cache_bytes; /* page cache and buffers without shmem */
	uint64_t slab_bytes;
	uint64_t page_tables_bytes;
	uint64_t kernel_bytes; /* stacks, percpu, vmalloc */
	uint64_t hugetlb_bytes;
	uint64_t free_bytes;
};

#endif
