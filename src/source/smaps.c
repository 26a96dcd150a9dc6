/* SPDX-License-Identifier: MIT */
/*
 * Mappings of a process as the kernel itself tells of them: for who may not look at page frames.
 * Each read(2) has a page of text, and the lock of the address space is held for the mappings in
 * it, not for all of them.
 */
#include "source/keys.h"
#include "source/mapping_rows.h"
#include "source/proc.h"

#include <errno.h>

enum { KIB = 1024, SMAPS_MAX = 64 << 20 };

static const struct key keys[] = {
	{ "Rss", MAPPING_rss_bytes, KIB },
	{ "Pss", MAPPING_pss_bytes, KIB },
	{ "Private_Clean", MAPPING_uss_bytes, KIB },
	{ "Private_Dirty", MAPPING_uss_bytes, KIB },
	{ "Swap", MAPPING_swap_bytes, KIB },
};

/* "VmFlags: rd mr" and "THPeligible: 0" have no unit, or no number. */
static int take(struct cursor line, uint64_t *seen, const struct table *t, struct mapping *row)
{
	struct span name;
	uint64_t value;

	if (!row || !cursor_until(&line, ':', &name))
		return -EINVAL;
	if (!cursor_u64(&line, &value))
		return span_eq(name, "VmFlags") ? 0 : -EINVAL;
	return keys_put(keys, ARRAY_SIZE(keys), seen, name, value, t->schema, row);
}

/*
 * Parse /proc/PID/smaps; rows have no pid. Pure: the fuzzer calls it directly.
 *
 * Shape:  per mapping a line as in maps, then "Name:   VALUE kB".
 * Errors: -EINVAL malformed or repeated line.
 * Source: fs/proc/task_mmu.c, show_smap().
 */
int smaps_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	struct mapping *row = NULL;
	size_t first = t->n;
	uint64_t seen = 0;
	int err = 0;

	for (struct cursor at = c; err == 0 && cursor_line(&c, &line); at = c) {
		struct page_vma v;
		bool bad;

		/* Addresses are of small letters and digits, names begin with a capital. */
		if (cursor_left(&line) > 0 && *line.at >= 'A' && *line.at <= 'Z') {
			err = take(line, &seen, t, row);
			continue;
		}
		if (!page_vma_next(&at, &v, &bad))
			err = -EINVAL;
		else if (!(row = mapping_add(t, &v)))
			err = -ENOMEM;
		else
			row_put(t->schema, row, MAPPING_pss_error_bytes, 0);
		seen = 0;
	}
	if (err < 0)
		table_cut(t, first);
	else
		mapping_fold(t, first);
	return err;
}

static const char denied[] = "needs CAP_SYS_PTRACE, or to be its user";

static int read_smaps(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_mapping);

	for (size_t i = 0; t && i < p->n_asked[TABLE_mapping]; i++) {
		char path[PROC_PATH_MAX];
		size_t first = t->n;

		probe_parse(p, TABLE_mapping, proc_path(path, p->asked[TABLE_mapping][i], "smaps"),
			SMAPS_MAX, smaps_parse);
		if (t->state == STATE_DENIED)
			table_fail(t, STATE_DENIED, "%s", proc_denied(p, denied));
		for (; first < t->n; first++)
			row_put(t->schema, table_at(t, first), MAPPING_pid,
				p->asked[TABLE_mapping][i]);
	}
	return 0;
}

const struct source source_smaps = {
	.name = "smaps",
	.fills = { TABLE_mapping },
	.rank = 1,
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.deadline_ns = 10000000000,
	.read = read_smaps,
};
