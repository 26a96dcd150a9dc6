/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>

/* Column by the kernel's name. Names that are not here are skipped: kernels add some. */
static const struct {
	const char *name;
	unsigned int column;
} keys[] = {
	{ "MemTotal", MEMINFO_total_bytes },
	{ "MemFree", MEMINFO_free_bytes },
	{ "MemAvailable", MEMINFO_available_bytes },
	{ "Buffers", MEMINFO_buffers_bytes },
	{ "Cached", MEMINFO_cached_bytes },
	{ "SwapCached", MEMINFO_swap_cached_bytes },
	{ "Active(file)", MEMINFO_active_file_bytes },
	{ "Inactive(file)", MEMINFO_inactive_file_bytes },
	{ "Unevictable", MEMINFO_unevictable_bytes },
	{ "Mlocked", MEMINFO_mlocked_bytes },
	{ "SwapTotal", MEMINFO_swap_total_bytes },
	{ "SwapFree", MEMINFO_swap_free_bytes },
	{ "Dirty", MEMINFO_dirty_bytes },
	{ "Writeback", MEMINFO_writeback_bytes },
	{ "AnonPages", MEMINFO_anon_bytes },
	{ "Mapped", MEMINFO_mapped_bytes },
	{ "Shmem", MEMINFO_shmem_bytes },
	{ "Slab", MEMINFO_slab_bytes },
	{ "SReclaimable", MEMINFO_slab_reclaimable_bytes },
	{ "SUnreclaim", MEMINFO_slab_unreclaimable_bytes },
	{ "KernelStack", MEMINFO_kernel_stack_bytes },
	{ "PageTables", MEMINFO_page_tables_bytes },
	{ "Percpu", MEMINFO_percpu_bytes },
	{ "VmallocUsed", MEMINFO_vmalloc_used_bytes },
	{ "CommitLimit", MEMINFO_commit_limit_bytes },
	{ "Committed_AS", MEMINFO_committed_bytes },
	{ "Hugetlb", MEMINFO_hugetlb_bytes },
	{ "HugePages_Free", MEMINFO_huge_free_pages },
	{ "Active(anon)", MEMINFO_active_anon_bytes },
	{ "Inactive(anon)", MEMINFO_inactive_anon_bytes },
	{ "KReclaimable", MEMINFO_kernel_reclaimable_bytes },
	{ "SecPageTables", MEMINFO_secondary_page_tables_bytes },
	{ "CmaTotal", MEMINFO_cma_total_bytes },
	{ "CmaFree", MEMINFO_cma_free_bytes },
	{ "Bounce", MEMINFO_bounce_bytes },
	{ "WritebackTmp", MEMINFO_writeback_temp_bytes },
	{ "Balloon", MEMINFO_balloon_bytes },
	{ "GPUActive", MEMINFO_gpu_active_bytes },
	{ "GPUReclaim", MEMINFO_gpu_reclaim_bytes },
};

/*
 * Parse /proc/meminfo. Pure: the fuzzer calls it directly.
 *
 * Shape:  "Name:   N kB", or "HugePages_X:  N" without a unit.
 * Units:  kB is KiB.
 * Errors: -EINVAL malformed or repeated line, -ENODATA MemTotal or MemFree missing.
 * Source: fs/proc/meminfo.c, meminfo_proc_show().
 */
int meminfo_parse(const char *buf, size_t len, struct table *t)
{
	struct meminfo m = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	uint64_t huge_pages = 0, huge_size = 0;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t value;

		if (cursor_end(&line))
			continue;
		if (!cursor_until(&line, ':', &name) || !cursor_u64(&line, &value))
			return -EINVAL;
		if (cursor_lit(&line, " kB") && __builtin_mul_overflow(value, 1024, &value))
			return -EINVAL;
		if (span_eq(name, "HugePages_Total"))
			huge_pages = value;
		if (span_eq(name, "Hugepagesize"))
			huge_size = value;
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			if (!span_eq(name, keys[i].name))
				continue;
			if (row_has(m.has, keys[i].column))
				return -EINVAL;
			row_put(schemas[TABLE_meminfo], &m, keys[i].column, value);
		}
	}
	if (!row_has(m.has, MEMINFO_total_bytes) || !row_has(m.has, MEMINFO_free_bytes))
		return -ENODATA;
	if (!row_has(m.has, MEMINFO_hugetlb_bytes) && huge_size) {
		if (__builtin_mul_overflow(huge_pages, huge_size, &m.hugetlb_bytes))
			return -EINVAL;
		row_set(&m.has, MEMINFO_hugetlb_bytes);
	}
	struct meminfo *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = m;
	return 0;
}

static int read_meminfo(struct probe *p)
{
	return probe_parse(p, TABLE_meminfo, "proc/meminfo", 65536, meminfo_parse);
}

const struct source source_meminfo = {
	.name = "meminfo",
	.fills = { TABLE_meminfo },
	.deadline_ns = 500000000,
	.read = read_meminfo,
};
