/* SPDX-License-Identifier: MIT */
#include "model/memory.h"

static int step(void *self, const struct model *m, struct arena *a UNUSED)
{
	struct memory_model *mm = self;
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);

	*mm = (struct memory_model){ 0 };
	if (!i)
		return 0;
	uint64_t files = i->cached_bytes + i->buffers_bytes;

	mm->total_bytes = i->total_bytes;
	if (row_has(i->has, MEMINFO_available_bytes))
		mm->available_ratio = ratio_of((double)i->available_bytes, (double)i->total_bytes);
	mm->applications_bytes = i->anon_bytes;
	mm->shmem_bytes = i->shmem_bytes;
	mm->cache_bytes = files > i->shmem_bytes ? files - i->shmem_bytes : 0;
	mm->slab_bytes = i->slab_bytes;
	mm->page_tables_bytes = i->page_tables_bytes;
	mm->kernel_bytes = i->kernel_stack_bytes + i->percpu_bytes + i->vmalloc_used_bytes;
	mm->hugetlb_bytes = i->hugetlb_bytes;
	mm->free_bytes = i->free_bytes;
	return 0;
}

const struct model_row model_memory = {
	.name = "memory",
	.needs = { { .table = TABLE_meminfo, .optional = true } },
	.size = sizeof(struct memory_model),
	.step = step,
};
