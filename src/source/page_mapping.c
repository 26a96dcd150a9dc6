/* SPDX-License-Identifier: MIT */
/*
 * Mappings of a process, each page of them: /proc/PID/pagemap tells what is there, kpagecount how
 * often it is mapped. Unlike smaps it holds no lock of the process for longer than 2 MiB take.
 */
#include "engine/page_entry.h"
#include "source/mapping_rows.h"
#include "source/page_process.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	MAPS_MAX = 64 << 20,
	LARGE = 2048, /* pages of a mapping that may be mostly holes */
};

/* Address space that is asked for holes at once. */
#define SCAN_BYTES (UINT64_C(4) << 30)

/* Of one mapping. */
struct sums {
	struct page_result pages;
	uint64_t swapped;
};

/* Swap space; the last of 32 types are migration, markers and the like (include/linux/swap.h). */
#define PAGE_SWAPPED(e) (((e) >> 62 & 3) == 1 && ((e)&31) < PAGE_SWAP_TYPES)

/* Pages from to to - 1. 0 or -errno. */
static int read_pages(
	struct page_meter *m, const struct page_area *a, uint64_t from, uint64_t to, struct sums *s)
{
	while (from < to) {
		/* Pieces end where a huge page does. */
		uint64_t stop = (from / PAGE_ENTRIES + 1) * PAGE_ENTRIES;
		size_t n = (size_t)((stop < to ? stop : to) - from);
		ssize_t got = host_read_pagemap(m->fd, &m->turn, from, n, m->entry);

		if (got <= 0)
			return got < 0 ? (int)got : -ESRCH;
		if (probe_late(m->probe))
			return -ETIME;
		n = (size_t)got;
		m->reads = m->n_ahead = 0; /* there is no limit to what is looked up */
		page_count_entries(m, a, from, m->entry, n, &s->pages);
		for (size_t i = 0; i < n; i++)
			s->swapped += PAGE_SWAPPED(m->entry[i]);
		from += n;
	}
	return 0;
}

/* Only what is there. Runs end where they did in the page tables, so huge pages are whole. */
static int read_present(struct page_meter *m, const struct page_area *a, struct sums *s)
{
	uint64_t at = a->from * m->page_bytes, end = a->to * m->page_bytes;
	struct host_run runs[HOST_RUNS_MAX];

	while (at < end) {
		uint64_t stop = end - at < SCAN_BYTES ? end : at + SCAN_BYTES;
		int err = 0, n = host_present_runs(m->fd, &m->turn, runs, HOST_RUNS_MAX, RUNS_USED,
				     stop, PAGE_ENTRIES, &at);

		if (n < 0)
			return n;
		for (int i = 0; i < n && err == 0; i++)
			err = read_pages(m, a, runs[i].start / m->page_bytes,
				runs[i].end / m->page_bytes, s);
		if (err < 0 || probe_late(m->probe))
			return err < 0 ? err : -ETIME;
	}
	return 0;
}

static int read_vma(struct page_meter *m, const struct page_area *a, struct sums *s)
{
	if (!m->no_scan && a->to - a->from > LARGE) {
		int err = read_present(m, a, s);

		if (err != -ENOTTY)
			return err;
		m->no_scan = true;
	}
	return read_pages(m, a, a->from, a->to, s);
}

static double sum_of(const double *parts)
{
	return parts[PART_ANON] + parts[PART_FILE] + parts[PART_SHMEM];
}

static void put(const struct table *t, struct mapping *row, unsigned int column, double bytes)
{
	row_put(t->schema, row, column, (uint64_t)(bytes + 0.5));
}

static int add_vma(struct page_meter *m, uint64_t pid, const struct page_vma *v, struct table *t)
{
	struct page_area a = {
		.from = v->start / m->page_bytes, .to = v->end / m->page_bytes, .object = -1
	};
	int object = v->inode ? page_objects_of(&m->objects, pid, v) : -1;
	double page = (double)m->page_bytes;
	struct mapping *row = mapping_add(t, v);
	struct sums s = { 0 };
	int err = 0;

	if (!row || object == -ENOMEM)
		return -ENOMEM;
	/* Huge pages of hugetlbfs are in no RSS. */
	if ((object < 0 || m->objects.object[object].kind != SHARED_HUGETLB) &&
		!page_vma_of_kernel(v))
		err = read_vma(m, &a, &s);
	put(t, row, MAPPING_pid, (double)pid);
	put(t, row, MAPPING_rss_bytes, sum_of(s.pages.rss) * page);
	put(t, row, MAPPING_pss_bytes, sum_of(s.pages.pss) * page);
	put(t, row, MAPPING_uss_bytes, sum_of(s.pages.uss) * page);
	put(t, row, MAPPING_swap_bytes, (double)s.swapped * page);
	put(t, row, MAPPING_pss_error_bytes, 0);
	return err;
}

static int read_maps(struct page_meter *m, uint64_t pid, struct table *t)
{
	struct cursor c = cursor_of(m->text.bytes, m->text.len);
	struct page_vma v;
	size_t first = t->n;
	bool bad = false;
	int err = 0;

	while (err == 0 && page_vma_next(&c, &v, &bad))
		err = add_vma(m, pid, &v, t);
	if (err == 0 && bad)
		err = -EINVAL;
	if (err < 0)
		table_cut(t, first);
	else
		mapping_fold(t, first);
	return err;
}

static int read_process(struct page_meter *m, uint64_t pid, struct table *t)
{
	char path[PROC_PATH_MAX];
	int err = host_read_all(m->probe->host, proc_path(path, pid, "maps"), MAPS_MAX, &m->text);

	if (err < 0 || m->text.len == 0) /* of the kernel, or a zombie */
		return err;
	if (m->text.len >= MAPS_MAX)
		return -E2BIG;
	m->fd = host_open_offset(m->probe->host, proc_path(path, pid, "pagemap"));
	if (m->fd < 0)
		return m->fd;
	err = read_maps(m, pid, t);
	close(m->fd);
	m->fd = -1;
	return err;
}

/* That is enough for smaps, too. */
static const char denied[] = "needs CAP_SYS_PTRACE, or to be its user";

static int read_page_mapping(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_mapping);
	uint64_t common = 0;
	struct page_meter m;

	if (!t || !host_is_live(p->host)) {
		if (t)
			table_fail(t, STATE_ABSENT, "a capture has no page tables");
		return 0;
	}
	auto_close fd = host_open_offset(p->host, "proc/kpagecount");

	if (fd < 0 || !page_meter_sees_frames(p)) {
		table_fail(t, fd == -ENOENT ? STATE_ABSENT : STATE_DENIED, "%s",
			fd == -ENOENT ? "this kernel has no /proc/kpagecount" : denied);
		return 0;
	}
	int err = page_meter_init(&m, p, fd);

	m.counts.common = &common;
	for (size_t i = 0; err == 0 && i < p->n_asked[TABLE_mapping]; i++)
		err = read_process(&m, p->asked[TABLE_mapping][i], t);
	page_meter_release(&m);
	if (err == 0)
		t->state = STATE_OK;
	else if (state_of_errno(err) == STATE_DENIED)
		table_fail(t, STATE_DENIED, "%s", proc_denied(p, denied));
	return err;
}

const struct source source_page_mapping = {
	.name = "page_mapping",
	.fills = { TABLE_mapping },
	.rank = 0,
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.rows_only = true,
	.deadline_ns = 8000000000,
	.read = read_page_mapping,
};
