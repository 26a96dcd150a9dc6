/* SPDX-License-Identifier: MIT */
#include "model/memory.h"

#include "base/few.h"

const char *memory_shortage_text(enum memory_shortage s)
{
	static const char *const text[] = { "available memory is unknown", "memory is available",
		"available memory is low", "available memory is low and tasks wait for it" };

	return text[s];
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Before 3.14 there is no MemAvailable: what is free and clean file pages, less is not known. */
static struct reading available(const struct meminfo *i, uint64_t reclaimable)
{
	if (row_has(i->has, MEMINFO_available_bytes))
		return reading_of((double)i->available_bytes);
	if (!row_has(i->has, MEMINFO_active_file_bytes))
		return reading_none(STATE_ABSENT);
	return reading_of(
		(double)(i->free_bytes + reclaimable) + (double)i->slab_reclaimable_bytes / 2);
}

static void fold_meminfo(struct memory_model *mm, const struct meminfo *i)
{
	uint64_t files = i->cached_bytes + i->buffers_bytes;

	mm->total_bytes = i->total_bytes;
	mm->applications_bytes = i->anon_bytes;
	mm->shmem_bytes = i->shmem_bytes;
	mm->cache_bytes = minus(files, i->shmem_bytes);
	mm->slab_bytes = i->slab_bytes;
	mm->page_tables_bytes = i->page_tables_bytes;
	mm->kernel_bytes = i->kernel_stack_bytes + i->percpu_bytes + i->vmalloc_used_bytes;
	mm->hugetlb_bytes = i->hugetlb_bytes;
	mm->free_bytes = i->free_bytes;
	mm->swap_used_bytes = minus(i->swap_total_bytes, i->swap_free_bytes);
	mm->swap_used_ratio = ratio_of((double)mm->swap_used_bytes, (double)i->swap_total_bytes);
	mm->mlocked_bytes = i->mlocked_bytes;
	mm->dirty_bytes = i->dirty_bytes + i->writeback_bytes;
	/*
	 * Not the swap cache: it lies on the lists of anonymous pages, and free(1) leaves it out.
	 */
	mm->cached_bytes = files;
	mm->reclaimable_bytes =
		minus(i->active_file_bytes + i->inactive_file_bytes, mm->dirty_bytes);
	mm->stuck_bytes = minus(mm->cached_bytes, mm->reclaimable_bytes);
	mm->available_bytes = available(i, mm->reclaimable_bytes);
	if (reading_ok(mm->available_bytes))
		mm->available_ratio = ratio_of(mm->available_bytes.value, (double)i->total_bytes);
}

static struct reading sum(struct reading a, struct reading b)
{
	if (reading_ok(a) && reading_ok(b))
		return reading_of(a.value + b.value);
	return reading_ok(a) ? a : b;
}

static void fold_vmstat(struct memory_model *mm, const struct model *m, const struct vmstat *v)
{
	mm->direct_reclaims_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_alloc_stalls);
	mm->refault_pages_per_s = sum(model_rate(m, TABLE_vmstat, v, VMSTAT_refault_file_pages),
		model_rate(m, TABLE_vmstat, v, VMSTAT_refault_anon_pages));
	mm->swap_in_pages_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_swap_in_pages);
	mm->swap_out_pages_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_swap_out_pages);
	mm->major_faults_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_major_faults);
}

static enum memory_shortage judge_shortage(
	const struct memory_model *mm, const struct pressure_model *pm)
{
	if (!reading_ok(mm->available_ratio))
		return SHORTAGE_UNKNOWN;
	double left = mm->available_ratio.value;
	struct reading some = pm ? pm->memory.some_now : reading_none(STATE_ABSENT);

	if (left < MEMORY_AMPLE_RATIO && reading_ok(some) && some.value >= MEMORY_STALL_RATIO)
		return SHORTAGE_STALL;
	return left < MEMORY_LOW_RATIO ? SHORTAGE_LOW : SHORTAGE_NONE;
}

/* Keep the MEMORY_HOLDERS largest by their amount, in order. */
static void insert(struct memory_holder *top, size_t *n, const struct memory_holder *h,
	uint64_t (*amount)(const struct memory_holder *))
{
	size_t at = *n;

	while (at > 0 && amount(&top[at - 1]) < amount(h))
		at--;
	if (amount(h) > 0 && few_open(top, sizeof(*top), n, MEMORY_HOLDERS, at))
		top[at] = *h;
}

static uint64_t by_private(const struct memory_holder *h)
{
	return h->private_bytes;
}

static uint64_t by_shmem(const struct memory_holder *h)
{
	return h->shmem_bytes;
}

static void fold_holders(struct memory_model *mm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_process_status);
	const struct table *names = frame_table(m->now, TABLE_process);

	if (!table_usable(t))
		return;
	for (table_each(const struct process_status, s, t)) {
		struct memory_holder h = { .pid = s->pid,
			.comm = "",
			.private_bytes = s->anon_bytes + s->swap_bytes,
			.shmem_bytes = s->shmem_bytes,
			.locked_bytes = s->locked_bytes };
		const struct process *p = table_find(names, s->pid);

		if (p)
			h.comm = table_text(names, p->comm);
		insert(mm->by_private, &mm->n_private, &h, by_private);
		insert(mm->by_shmem, &mm->n_shmem, &h, by_shmem);
	}
}

static int step(void *self, const struct model *m, struct arena *a UNUSED)
{
	struct memory_model *mm = self;
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);

	*mm = (struct memory_model){ 0 };
	if (i)
		fold_meminfo(mm, i);
	if (v)
		fold_vmstat(mm, m, v);
	mm->shortage = judge_shortage(mm, m->pressure);
	fold_holders(mm, m);
	return 0;
}

const struct model_row model_memory = {
	.name = "memory",
	.needs = {
		{ .table = TABLE_meminfo, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
	},
	.size = sizeof(struct memory_model),
	.step = step,
};
