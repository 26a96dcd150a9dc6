/* SPDX-License-Identifier: MIT */
/*
 * Shares of memory as the kernel itself adds them up, for each process anew: exact, but by its walk
 * of all page tables, at the price of smem, and with the lock of each process held for that long.
 * What a group has for itself it does not tell.
 */
#include "base/mem.h"
#include "source/guard.h"
#include "source/keys.h"
#include "source/mem_status.h"
#include "source/proc.h"
#include "source/share.h"

#include <stdio.h>
#include <string.h>

enum { KIB = 1024 };

/* A process of 100 GiB of pages takes that long. */
#define HANG_NS UINT64_C(3000000000)

static const struct key keys[] = {
	{ "Rss", PROCESS_SHARE_rss_bytes, KIB },
	{ "Pss", PROCESS_SHARE_pss_bytes, KIB },
	{ "Private_Clean", PROCESS_SHARE_uss_bytes, KIB },
	{ "Private_Dirty", PROCESS_SHARE_uss_bytes, KIB },
	{ "SwapPss", PROCESS_SHARE_swap_pss_bytes, KIB },
};

/*
 * Parse /proc/PID/smaps_rollup; the row has no pid. Pure: the fuzzer calls it directly.
 *
 * Shape:  a line about the address range, then "Name:   VALUE kB".
 * Errors: -EINVAL malformed or repeated line, -ENODATA Rss or Pss missing.
 * Source: fs/proc/task_mmu.c, show_smaps_rollup().
 */
int smaps_rollup_parse(const char *buf, size_t len, struct table *t)
{
	struct process_share share = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	uint64_t seen = 0, value;
	struct span name;

	cursor_line(&c, &line);
	while (cursor_line(&c, &line)) {
		if (!cursor_until(&line, ':', &name) || !cursor_u64(&line, &value) ||
			keys_put(keys, ARRAY_SIZE(keys), &seen, name, value,
				schemas[TABLE_process_share], &share) < 0)
			return -EINVAL;
	}
	if (!row_has(share.has, PROCESS_SHARE_rss_bytes) ||
		!row_has(share.has, PROCESS_SHARE_pss_bytes))
		return -ENODATA;
	struct process_share *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = share;
	return 0;
}

struct rollups {
	struct shares shares;
	struct table *row; /* a scratch one */
	struct tally tally;
};

static void path_of(const void *arg, size_t i, char *buf)
{
	const struct rollups *all = arg;

	proc_path(buf, all->shares.process[i].pid, "smaps_rollup");
}

static int take(void *arg, size_t i, const char *buf, ssize_t len)
{
	struct rollups *all = arg;
	struct share *to = &all->shares.process[i];
	int err = len < 0 ? (int)len : 0;

	while (all->row->n > 0)
		table_drop_last(all->row);
	if (err == 0)
		err = proc_parsed(smaps_rollup_parse(buf, (size_t)len, all->row), (size_t)len);
	if (err == -ENOMEM)
		return err;
	to->gone = err == -ESRCH || err == -ENOENT;
	tally_count(&all->tally, err);
	if (err < 0)
		return 0;
	const struct process_share *row = table_at(all->row, 0);

	to->measured = true;
	to->rss = (double)row->rss_bytes;
	to->pss = (double)row->pss_bytes;
	to->uss = (double)row->uss_bytes;
	to->swap_pss = (double)row->swap_pss_bytes;
	return 0;
}

/* A child of vfork(2), or of clone(2) with CLONE_VM: what it maps is its parent's. */
static void find_twin(const struct rollups *all, struct probe *p, struct share *one, uint64_t ppid)
{
	const struct share *parent = shares_find(&all->shares, ppid);

	if (!one->measured || !parent || !parent->measured ||
		!host_same_space(p->host, one->pid, ppid))
		return;
	one->twin = parent->twin ? parent->twin : ppid;
	one->rss = one->pss = one->uss = one->swap = one->swap_pss = one->tables = 0;
}

static void add_status(struct rollups *all, struct probe *p)
{
	for (size_t i = 0; i < all->shares.n; i++) {
		struct share *one = &all->shares.process[i];
		struct mem_status status;

		if (mem_status_read(p, one->pid, &status, NULL) < 0)
			continue;
		one->swap = (double)status.swap;
		one->tables = (double)status.tables;
		find_twin(all, p, one, status.ppid);
	}
}

static int read_all(struct rollups *all, struct probe *p)
{
	static const char denied[] = "needs CAP_SYS_PTRACE or root";
	uint64_t start_ns = proc_now_ns();
	struct guard g = { .n = all->shares.n,
		.size = GUARD_FILE_MAX,
		.path = path_of,
		.take = take,
		.arg = all,
		.hang_ns = HANG_NS };
	size_t done = 0;
	int err = guard_read(p, &g, &done);

	if (err == 0)
		add_status(all, p);
	if (err == 0)
		err = shares_rows(&all->shares, p, denied);
	for (size_t i = 0; i < 2 && err == 0; i++) {
		struct table *t = probe_table(p, i ? TABLE_group_share : TABLE_process_share);

		if (!t)
			continue;
		t->lost = 0;
		tally_close(&all->tally, t, denied);
		if (done < g.n)
			tally_late(&all->tally, t, done, g.n, start_ns);
	}
	return err;
}

static int read_smaps_rollup(struct probe *p)
{
	struct rollups all = { .row = NULL };

	if (!host_is_live(p->host))
		return 0;
	if (!shares_exact(p)) {
		shares_fail(p, STATE_ABSENT, "smaps_rollup: exact values are not asked for");
		return 0;
	}
	int err = shares_init(&all.shares, p);

	all.row = table_new(schemas[TABLE_process_share]);
	if (err == 0)
		err = all.row ? read_all(&all, p) : -ENOMEM;
	table_unref(all.row);
	shares_release(&all.shares);
	return err;
}

const struct source source_smaps_rollup = {
	.name = "smaps_rollup",
	.fills = { TABLE_process_share, TABLE_group_share },
	.rank = 2,
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.exact_only = true,
	.rows_only = true,
	.deadline_ns = 60000000000,
	.denied = "needs CAP_SYS_PTRACE or root",
	.read = read_smaps_rollup,
};
