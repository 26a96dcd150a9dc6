/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>

/*
 * A counter that some kernels split by zone: 3.10 to 4.7 the scans and steals, 4.10 on the stalls.
 */
#define PER_ZONE(name, column)                                                                     \
	{ name, column }, { name "_dma", column }, { name "_dma32", column },                      \
		{ name "_normal", column }, { name "_high", column }, { name "_movable", column }, \
	{                                                                                          \
		name "_device", column                                                             \
	}

static const struct key keys[] = {
	{ "nr_dirty", VMSTAT_dirty_pages },
	{ "nr_writeback", VMSTAT_writeback_pages },
	{ "nr_dirty_threshold", VMSTAT_dirty_threshold_pages },
	{ "nr_dirty_background_threshold", VMSTAT_dirty_background_pages },
	{ "nr_dirtied", VMSTAT_dirtied_pages },
	{ "nr_written", VMSTAT_written_pages },
	{ "pswpin", VMSTAT_swap_in_pages },
	{ "pswpout", VMSTAT_swap_out_pages },
	{ "pgmajfault", VMSTAT_major_faults },
	{ "workingset_refault", VMSTAT_refault_file_pages },
	{ "workingset_refault_file", VMSTAT_refault_file_pages },
	{ "workingset_refault_anon", VMSTAT_refault_anon_pages },
	{ "oom_kill", VMSTAT_oom_kills },
	{ "compact_fail", VMSTAT_compact_fails },
	{ "nr_zspages", VMSTAT_compressed_swap_bytes, 4096 },
	PER_ZONE("pgscan_kswapd", VMSTAT_scan_kswapd_pages),
	PER_ZONE("pgscan_direct", VMSTAT_scan_direct_pages),
	PER_ZONE("pgsteal_kswapd", VMSTAT_steal_kswapd_pages),
	PER_ZONE("pgsteal_direct", VMSTAT_steal_direct_pages),
	PER_ZONE("allocstall", VMSTAT_alloc_stalls),
};
_Static_assert(ARRAY_SIZE(keys) <= KEYS_MAX, "keys_put() has a bit per key");

/*
 * Parse /proc/vmstat.
 *
 * Shape:  "name N". 3.10: scans and steals per zone, no workingset_*; 4.8: per node, summed by the
 *         kernel; 4.10: allocstall per zone; 4.13: oom_kill; 5.9: refaults by anon and file.
 * Errors: -EINVAL malformed or repeated line, -ENODATA nr_dirty missing.
 * Source: mm/vmstat.c, vmstat_text and vmstat_show().
 */
int vmstat_parse(const char *buf, size_t len, struct table *t)
{
	struct vmstat v = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	uint64_t seen = 0, value;
	struct span name;

	while (cursor_line(&c, &line)) {
		if (cursor_end(&line))
			continue;
		if (!cursor_word(&line, &name) || !cursor_u64(&line, &value) || !cursor_end(&line))
			return -EINVAL;
		int err = keys_put(keys, ARRAY_SIZE(keys), &seen, name, value, t->schema, &v);

		if (err < 0)
			return err;
	}
	if (!row_has(v.has, VMSTAT_dirty_pages))
		return -ENODATA;
	struct vmstat *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = v;
	return 0;
}

static int read_vmstat(struct probe *p)
{
	static const unsigned int columns[] = { VMSTAT_compressed_swap_bytes };

	probe_parse(p, TABLE_vmstat, "proc/vmstat", 65536, vmstat_parse);
	probe_rescale(p, TABLE_vmstat, columns, ARRAY_SIZE(columns));
	return 0;
}

const struct source source_vmstat = {
	.name = "vmstat",
	.fills = { TABLE_vmstat },
	.deadline_ns = 500000000,
	.read = read_vmstat,
};
