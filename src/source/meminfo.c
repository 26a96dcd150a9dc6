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

/*
 * Parse the size of ZFS's cache. Pure.
 *
 * Shape:  a line of numbers, "name type data", then "NAME TYPE VALUE" in columns.
 * Units:  bytes.
 * Errors: -EINVAL malformed, -ENODATA there is no size.
 * Source: OpenZFS, module/os/linux/spl/spl-kstat.c, kstat_seq_show_named(); module/zfs/arc.c.
 */
static int zfs_arc_parse(const char *buf, size_t len, uint64_t *ret_bytes)
{
	struct cursor c = cursor_of(buf, len), line;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t type;

		if (!cursor_word(&line, &name) || !span_eq(name, "size"))
			continue;
		cursor_blank(&line);
		return cursor_u64(&line, &type) && cursor_u64(&line, ret_bytes) ? 0 : -EINVAL;
	}
	return -ENODATA;
}

static int read_meminfo(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_meminfo);
	int err = probe_parse(p, TABLE_meminfo, "proc/meminfo", 65536, meminfo_parse);
	auto_strbuf text = { 0 };
	uint64_t arc;

	if (err == 0 && t && t->n == 1 &&
		host_read_all(p->host, "proc/spl/kstat/zfs/arcstats", 65536, &text) == 0 &&
		zfs_arc_parse(strbuf_text(&text), text.len, &arc) == 0)
		row_put(t->schema, table_at(t, 0), MEMINFO_zfs_arc_bytes, arc);
	return err;
}

const struct source source_meminfo = {
	.name = "meminfo",
	.fills = { TABLE_meminfo },
	.deadline_ns = 500000000,
	.read = read_meminfo,
};
