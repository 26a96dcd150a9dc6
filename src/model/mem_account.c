/* SPDX-License-Identifier: MIT */
#include "model/mem_account.h"

static const struct {
	const char *name, *text;
} rows[MEM_ROWS] = {
	[MEM_ROW_PROCESSES] = { "processes", "processes" },
	[MEM_ROW_UNSEEN] = { "unseen_processes", "processes that could not be measured" },
	[MEM_ROW_CACHE] = { "page_cache", "page cache, not mapped" },
	[MEM_ROW_SHMEM] = { "shmem", "tmpfs and shared memory, not mapped" },
	[MEM_ROW_CACHES] = { "page_cache_and_shmem",
		"page cache, tmpfs, shared memory: not mapped" },
	[MEM_ROW_BUFFERS] = { "buffers", "buffers of block devices" },
	[MEM_ROW_SWAP_CACHE] = { "swap_cache", "swap cache, not mapped" },
	[MEM_ROW_SLAB_RECLAIMABLE] = { "slab_reclaimable", "slab, reclaimable" },
	[MEM_ROW_SLAB] = { "slab_unreclaimable", "slab, unreclaimable" },
	[MEM_ROW_RECLAIMABLE] = { "kernel_reclaimable", "kernel, reclaimable, not slab" },
	[MEM_ROW_PAGE_TABLES] = { "page_tables", "page tables" },
	[MEM_ROW_SECONDARY] = { "secondary_page_tables", "page tables of guests and IOMMU" },
	[MEM_ROW_STACKS] = { "kernel_stacks", "kernel stacks" },
	[MEM_ROW_VMALLOC] = { "vmalloc", "vmalloc, without stacks" },
	[MEM_ROW_PERCPU] = { "percpu", "per-CPU data" },
	[MEM_ROW_HUGETLB] = { "hugetlb", "huge pages (hugetlb), used or not" },
	[MEM_ROW_ZSWAP] = { "compressed_swap", "compressed swap (zram, zswap)" },
	[MEM_ROW_FUSE] = { "fuse_writeback", "FUSE, being written" },
	[MEM_ROW_BOUNCE] = { "bounce", "bounce buffers" },
	[MEM_ROW_GPU] = { "gpu", "GPU" },
	[MEM_ROW_ARC] = { "zfs_cache", "ZFS cache (ARC), in no other row" },
	[MEM_ROW_CMA] = { "cma_devices", "contiguous memory of devices (CMA)" },
	[MEM_ROW_CPU_LISTS] = { "cpu_lists", "free, on lists of CPUs" },
	[MEM_ROW_FREE] = { "free", "free" },
};

const char *mem_row_name(enum mem_row row)
{
	return rows[row].name;
}

const char *mem_row_text(enum mem_row row)
{
	return rows[row].text;
}

static double at_least_0(double value)
{
	return value > 0 ? value : 0;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* A column of meminfo. */
static struct reading cell(const struct meminfo *i, unsigned int column)
{
	uint64_t value;

	if (!row_has(i->has, column))
		return reading_none(STATE_ABSENT);
	__builtin_memcpy(&value, (const char *)i + schemas[TABLE_meminfo]->columns[column].offset,
		sizeof(value));
	return reading_of((double)value);
}

/* a - b, not below 0; absent when one of them is. */
static struct reading difference(struct reading a, struct reading b)
{
	if (!reading_ok(a) || !reading_ok(b))
		return reading_none(STATE_ABSENT);
	return reading_of(at_least_0(a.value - b.value));
}

static void fold_processes(struct mem_account *m, struct reading pss, bool all)
{
	m->row[MEM_ROW_PROCESSES] = reading_ok(pss) ? pss : m->mapped;
	if (reading_ok(pss) && !all)
		m->row[MEM_ROW_UNSEEN] = difference(m->mapped, pss);
}

/*
 * Cached has shared memory and what of it and of files is mapped; Mapped is all of that which is
 * mapped, so that the sum of the two rows is known also where their border is not.
 */
static void fold_cache(struct mem_account *m, const struct meminfo *i, struct reading shmem)
{
	struct reading both =
		difference(cell(i, MEMINFO_cached_bytes), cell(i, MEMINFO_mapped_bytes));
	struct reading unmapped = difference(cell(i, MEMINFO_shmem_bytes), shmem);

	if (!reading_ok(both) || !reading_ok(unmapped)) {
		m->row[MEM_ROW_CACHES] = both;
		return;
	}
	m->row[MEM_ROW_SHMEM] = reading_of(least(unmapped.value, both.value));
	m->row[MEM_ROW_CACHE] = reading_of(both.value - m->row[MEM_ROW_SHMEM].value);
}

/*
 * A page of the swap cache may be mapped as well, and is then in AnonPages. The lists of anonymous
 * pages have what is mapped, shared memory and the swap cache: the rest of them is it.
 */
static struct reading swap_cache(const struct meminfo *i)
{
	struct reading all = cell(i, MEMINFO_swap_cached_bytes);

	if (!reading_ok(all) || !row_has(i->has, MEMINFO_active_anon_bytes) ||
		!row_has(i->has, MEMINFO_inactive_anon_bytes) ||
		!row_has(i->has, MEMINFO_anon_bytes) || !row_has(i->has, MEMINFO_shmem_bytes))
		return all;
	return reading_of(least(all.value,
		at_least_0((double)i->active_anon_bytes + (double)i->inactive_anon_bytes -
			   (double)i->anon_bytes - (double)i->shmem_bytes)));
}

/*
 * VmallocUsed counts pages since 5.3, was 0 since 4.4, and before that was address space, devices'
 * too: Percpu, of 4.20, tells the ages apart. Kernel stacks are allocated there (CONFIG_VMAP_STACK,
 * the default of x86-64 and arm64); where they are not it may have less than they take.
 */
static void fold_vmalloc(struct mem_account *m, const struct meminfo *i)
{
	struct reading stacks = cell(i, MEMINFO_kernel_stack_bytes);
	struct reading used = cell(i, MEMINFO_vmalloc_used_bytes);

	m->row[MEM_ROW_STACKS] = stacks;
	m->row[MEM_ROW_PERCPU] = cell(i, MEMINFO_percpu_bytes);
	if (!row_has(i->has, MEMINFO_percpu_bytes) || !reading_ok(used) || used.value == 0)
		return;
	if (reading_ok(stacks) && used.value >= stacks.value)
		used.value -= stacks.value;
	m->row[MEM_ROW_VMALLOC] = used;
}

static void fold_kernel(struct mem_account *m, const struct meminfo *i)
{
	struct reading reclaimable = cell(i, MEMINFO_slab_reclaimable_bytes);
	struct reading gpu = cell(i, MEMINFO_gpu_active_bytes);

	m->row[MEM_ROW_SLAB_RECLAIMABLE] = reclaimable;
	m->row[MEM_ROW_SLAB] = cell(i, MEMINFO_slab_unreclaimable_bytes);
	if (!reading_ok(m->row[MEM_ROW_SLAB]) && !reading_ok(reclaimable))
		m->row[MEM_ROW_SLAB] = cell(i, MEMINFO_slab_bytes);
	m->row[MEM_ROW_RECLAIMABLE] =
		difference(cell(i, MEMINFO_kernel_reclaimable_bytes), reclaimable);
	m->row[MEM_ROW_PAGE_TABLES] = cell(i, MEMINFO_page_tables_bytes);
	m->row[MEM_ROW_SECONDARY] = cell(i, MEMINFO_secondary_page_tables_bytes);
	fold_vmalloc(m, i);
	m->row[MEM_ROW_HUGETLB] = cell(i, MEMINFO_hugetlb_bytes);
	m->row[MEM_ROW_FUSE] = cell(i, MEMINFO_writeback_temp_bytes);
	m->row[MEM_ROW_BOUNCE] = cell(i, MEMINFO_bounce_bytes);
	if (reading_ok(gpu))
		gpu.value += (double)i->gpu_reclaim_bytes;
	m->row[MEM_ROW_GPU] = gpu;
}

/* Pages that a CPU keeps for its next allocations are not in MemFree. */
static struct reading cpu_lists(const struct table *zones)
{
	struct reading sum = reading_none(STATE_ABSENT);

	for (table_each(const struct zone, z, table_usable(zones) ? zones : NULL)) {
		if (row_has(z->has, ZONE_per_cpu_bytes))
			sum = reading_of(sum.value + (double)z->per_cpu_bytes);
	}
	return sum;
}

/* Where one area does not tell the sum is not known. */
static struct reading of_devices(const struct table *areas)
{
	struct reading sum = reading_none(STATE_ABSENT);

	for (table_each(const struct cma, a, table_usable(areas) ? areas : NULL)) {
		if (!row_has(a->has, CMA_device_bytes))
			return reading_none(STATE_ABSENT);
		sum = reading_of(sum.value + (double)a->device_bytes);
	}
	return sum;
}

void mem_account_fold(const struct frame *f, struct reading pss, bool all, struct reading shmem,
	struct mem_account *ret)
{
	const struct meminfo *i = frame_row(f, TABLE_meminfo);
	const struct vmstat *v = frame_row(f, TABLE_vmstat);
	struct mem_account m = { 0 };

	if (!i) {
		m.row[MEM_ROW_PROCESSES] = pss;
		*ret = m;
		return;
	}
	m.total = cell(i, MEMINFO_total_bytes);
	m.mapped = cell(i, MEMINFO_anon_bytes);
	if (reading_ok(m.mapped) && row_has(i->has, MEMINFO_mapped_bytes))
		m.mapped.value += (double)i->mapped_bytes;
	fold_processes(&m, pss, all);
	fold_cache(&m, i, shmem);
	m.row[MEM_ROW_BUFFERS] = cell(i, MEMINFO_buffers_bytes);
	m.row[MEM_ROW_SWAP_CACHE] = swap_cache(i);
	fold_kernel(&m, i);
	m.row[MEM_ROW_CPU_LISTS] = cpu_lists(frame_table(f, TABLE_zone));
	m.row[MEM_ROW_CMA] = of_devices(frame_table(f, TABLE_cma));
	m.row[MEM_ROW_FREE] = cell(i, MEMINFO_free_bytes);
	if (v && row_has(v->has, VMSTAT_compressed_swap_bytes))
		m.row[MEM_ROW_ZSWAP] = reading_of((double)v->compressed_swap_bytes);
	m.cma_used = difference(cell(i, MEMINFO_cma_total_bytes), cell(i, MEMINFO_cma_free_bytes));
	m.unaccounted = m.total;
	for (int row = 0; row < MEM_ROWS; row++) {
		if (reading_ok(m.row[row]))
			m.unaccounted.value -= m.row[row].value;
	}
	/* Some of it is in slab and vmalloc: what is not is at most what is left. */
	struct reading arc = cell(i, MEMINFO_zfs_arc_bytes);

	if (reading_ok(arc) && arc.value > 0) {
		m.row[MEM_ROW_ARC] = reading_of(least(arc.value, at_least_0(m.unaccounted.value)));
		m.unaccounted.value -= m.row[MEM_ROW_ARC].value;
	}
	*ret = m;
}
