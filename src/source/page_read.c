/* SPDX-License-Identifier: MIT */
/* Pages that a process has for itself, or with a few others: read one by one, or in clusters. */
#include "source/page_process.h"

#include <errno.h>
#include <unistd.h>

enum {
	GAP = 64,        /* pages between two ranges that are cheaper read than skipped */
	CLUSTER = 64,    /* pages */
	CLUSTERS = 96,   /* of a process whose memory is too large */
	LARGE = 512,     /* a range of more pages may be read in clusters */
	LOOKUPS = 8192,  /* of kpagecount, for one process */
	HOLES = 1 << 22, /* pages that are read where only reading tells what is a hole: 10 ms */
};

static bool in_a_row(const uint64_t *entry, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (!PAGE_PRESENT(entry[i]) || PAGE_FRAME(entry[i]) != PAGE_FRAME(entry[0]) + i)
			return false;
	}
	return true;
}

/*
 * A huge page mapped as a whole: frames in a row from an aligned one, at an aligned address. There
 * pagemap's bit 56 is not to be trusted: it is set for huge pages that several processes map.
 */
static bool is_huge(const struct page_meter *m, uint64_t page, const uint64_t *entry, size_t n)
{
	uint64_t huge = m->huge_pages;

	return page % huge == 0 && n >= huge && PAGE_FRAME(entry[0]) % huge == 0 &&
	       in_a_row(entry, huge);
}

/* A piece of one may be. */
static bool may_be_huge(const struct page_meter *m, uint64_t page, const uint64_t *entry, size_t n)
{
	return n > 0 && PAGE_PRESENT(entry[0]) &&
	       PAGE_FRAME(entry[0]) % m->huge_pages == page % m->huge_pages && in_a_row(entry, n);
}

static enum page_part_of part_of(const struct page_area *a, uint64_t entry)
{
	return !PAGE_OF_FILE(entry) ? PART_ANON : a->memory ? PART_SHMEM : PART_FILE;
}

/* The object's share of a page of it that this process maps. */
static void count_share(struct page_meter *m, const struct page_area *a, double pss, double pages)
{
	struct page_part *part =
		a->object < 0 ? NULL
			      : page_objects_part(&m->objects, (uint32_t)a->object, m->group);

	if (part) {
		part->pss += pss;
		part->rss += pages;
	}
}

/* n pages whose frames are in a row. */
static void count_row(struct page_meter *m, const struct page_area *a, const uint64_t *entry,
	size_t n_pages, struct page_result *r)
{
	uint64_t maps[512];
	uint64_t frame = PAGE_FRAME(entry[0]);
	enum page_part_of part = part_of(a, entry[0]);
	double before = r->pss[part], pages = r->rss[part];

	for (size_t at = 0; at < n_pages; at += ARRAY_SIZE(maps)) {
		size_t n = n_pages - at < ARRAY_SIZE(maps) ? n_pages - at : ARRAY_SIZE(maps);

		if (page_counts_run(&m->counts, frame + at, n, maps) < 0)
			return;
		for (size_t i = 0; i < n; i++) {
			if (maps[i] > 1 && maps[i] <= UINT32_MAX)
				page_counts_note(
					&m->counts, frame + at + i, (uint32_t)maps[i], m->group);
			page_count_one(r, part, maps[i] <= UINT32_MAX ? (uint32_t)maps[i] : 0);
		}
	}
	if (part != PART_ANON)
		count_share(m, a, r->pss[part] - before, r->rss[part] - pages);
}

/*
 * What the kernel says of a frame that is not known yet. Those of a file often follow each other:
 * then what is asked next is asked with it.
 */
static uint32_t ask(struct page_meter *m, const uint64_t *entry, size_t n)
{
	uint64_t frame = PAGE_FRAME(entry[0]);

	if (frame < m->ahead || frame - m->ahead >= m->n_ahead) {
		size_t run = 1;

		while (run < n && run < ARRAY_SIZE(m->ahead_maps) && PAGE_PRESENT(entry[run]) &&
			PAGE_FRAME(entry[run]) == frame + run)
			run++;
		m->n_ahead = 0;
		m->reads++;
		if (page_counts_run(&m->counts, frame, run, m->ahead_maps) < 0)
			return 0;
		m->ahead = frame;
		m->n_ahead = run;
	}
	uint64_t maps = m->ahead_maps[frame - m->ahead];

	if (maps > UINT32_MAX)
		return 0;
	page_counts_note(&m->counts, frame, (uint32_t)maps, m->group);
	return (uint32_t)maps;
}

/* How often the page of the first of n entries is mapped; 0: it does not count, or not now. */
static uint32_t maps_of(
	struct page_meter *m, const uint64_t *entry, size_t n, enum page_part_of part)
{
	uint64_t frame = PAGE_FRAME(entry[0]);
	uint32_t maps;

	if (PAGE_ALONE(entry[0]))
		return 1;
	if (page_counts_of(&m->counts, frame, m->group, &maps))
		return maps;
	if (m->reads < LOOKUPS)
		return ask(m, entry, n);
	m->partial = true;
	page_reservoir_add(&m->left[part], &m->random, frame);
	return 0;
}

void page_count_entries(struct page_meter *m, const struct page_area *a, uint64_t first,
	const uint64_t *entry, size_t n, struct page_result *r)
{
	double pss = 0, pages = 0;

	for (size_t i = 0; i < n; i++) {
		if (!PAGE_PRESENT(entry[i]))
			continue;
		if (is_huge(m, first + i, entry + i, n - i)) {
			count_row(m, a, entry + i, m->huge_pages, r);
			i += m->huge_pages - 1;
			continue;
		}
		enum page_part_of part = part_of(a, entry[i]);
		uint32_t maps = maps_of(m, entry + i, n - i, part);

		page_count_one(r, part, maps);
		if (part != PART_ANON && maps > 0) {
			pss += 1.0 / maps;
			pages++;
		}
	}
	if (pages > 0)
		count_share(m, a, pss, pages);
}

/* Entries of [from, to) into m->entry. How many, or -errno. */
static ssize_t read_entries(struct page_meter *m, uint64_t from, uint64_t to)
{
	return host_read_pagemap(m->fd, &m->turn, from, to - from, m->entry);
}

/* A range in pieces that fit; pieces end where a huge page does. */
static int read_long(struct page_meter *m, const struct page_range *g, struct page_result *r)
{
	for (uint64_t at = g->from; at < g->to;) {
		uint64_t to = (at / PAGE_ENTRIES + 1) * PAGE_ENTRIES;
		ssize_t n = read_entries(m, at, to < g->to ? to : g->to);

		if (n <= 0) /* what is not mapped reads as holes: its address space is gone */
			return n < 0 ? (int)n : -ESRCH;
		if (probe_late(m->probe))
			return -ETIME;
		page_count_entries(m, &m->area[g->vma], at, m->entry, (size_t)n, r);
		at += (uint64_t)n;
	}
	return 0;
}

/* Ranges i to n - 1, which lie close together, in one read. */
static int read_together(struct page_meter *m, size_t i, size_t n, struct page_result *r)
{
	const struct page_range *g = m->range;
	uint64_t from = g[i].from;
	ssize_t got = read_entries(m, from, g[n - 1].to);

	if (got <= 0)
		return got < 0 ? (int)got : -ESRCH;
	for (; i < n && g[i].from < from + (uint64_t)got; i++) {
		uint64_t to = g[i].to < from + (uint64_t)got ? g[i].to : from + (uint64_t)got;

		page_count_entries(m, &m->area[g[i].vma], g[i].from, m->entry + (g[i].from - from),
			(size_t)(to - g[i].from), r);
	}
	return 0;
}

/*
 * Anonymous memory, of which is known what is there. In large mappings of objects there may be
 * holes, and what is there counts as theirs.
 */
static bool clusters_do(const struct page_meter *m, const struct page_range *g)
{
	return g->to - g->from > LARGE && m->area[g->vma].object < 0;
}

/* All ranges, or those for which clusters do not do. */
static int read_all(struct page_meter *m, bool all, struct page_result *r)
{
	const struct page_range *g = m->range;
	int err = 0;

	for (size_t i = 0, n; i < m->n_ranges && err == 0; i = n) {
		n = i + 1;
		if (probe_late(m->probe))
			return -ETIME;
		if (!all && clusters_do(m, &g[i]))
			continue;
		while (n < m->n_ranges && (all || !clusters_do(m, &g[n])) &&
			g[n].from - g[n - 1].to <= GAP && g[n].to - g[i].from <= PAGE_ENTRIES)
			n++;
		if (n > i + 1)
			err = read_together(m, i, n, r);
		else
			err = read_long(m, &g[i], r);
	}
	return err;
}

/* The range that has page number at of all that are read in clusters. */
static const struct page_range *range_at(
	const struct page_meter *m, size_t *i, uint64_t *before, uint64_t at)
{
	for (; *i < m->n_ranges; (*i)++) {
		const struct page_range *g = &m->range[*i];

		if (!clusters_do(m, g))
			continue;
		if (at < *before + (g->to - g->from))
			return g;
		*before += g->to - g->from;
	}
	return NULL;
}

/* One of n equal parts of the larger ranges each. */
static int read_clusters(
	struct page_meter *m, uint64_t all, const struct mem_status *s, struct page_result *r)
{
	struct page_clusters worth = { 0 }, alone = { 0 };
	uint64_t before = 0;
	size_t next = 0;

	m->partial = true;

	for (uint64_t i = 0; i < CLUSTERS; i++) {
		uint64_t from = all * i / CLUSTERS, to = all * (i + 1) / CLUSTERS;
		uint64_t at = from + page_random_below(&m->random, to - from);
		const struct page_range *g = range_at(m, &next, &before, at);
		struct page_result one = { 0 };

		if (!g)
			break;
		uint64_t page = g->from + (at - before), start = page / CLUSTER * CLUSTER;
		uint64_t stop = start + CLUSTER < g->to ? start + CLUSTER : g->to;

		start = start > g->from ? start : g->from;
		ssize_t n = read_entries(m, start, stop);

		if (n <= 0)
			return n < 0 ? (int)n : -ESRCH;
		if (may_be_huge(m, start, m->entry, (size_t)n))
			count_row(m, &m->area[g->vma], m->entry, (size_t)n, &one);
		else
			page_count_entries(m, &m->area[g->vma], start, m->entry, (size_t)n, &one);
		page_clusters_add(&worth, one.rss[PART_ANON], one.pss[PART_ANON]);
		page_clusters_add(&alone, one.rss[PART_ANON], one.uss[PART_ANON]);
	}
	/* Where the kernel could tell what is there, that is all; else what status knows of. */
	double left = pages_of(m, s->anon) - r->rss[PART_ANON];
	double pages = m->holes ? (left > 0 ? left : 0) : (double)all;
	struct page_estimate e = page_clusters_total(&worth, (double)all / CLUSTER, pages);
	double uss = page_clusters_total(&alone, (double)all / CLUSTER, pages).pages;

	if (worth.x <= 0 && pages > 0) { /* none was hit: most of what is anonymous is its own */
		e = (struct page_estimate){ .pages = pages, .widen = pages / 2 };
		uss = pages;
	}
	r->rss[PART_ANON] += pages;
	r->pss[PART_ANON] += e.pages;
	r->uss[PART_ANON] += uss;
	page_estimate_add(&r->error, e);
	return 0;
}

int page_read_ranges(struct page_meter *m, const struct mem_status *s, struct page_result *r)
{
	uint64_t large = 0, small = 0, room = m->budget;

	if (m->no_scan && pages_of(m, s->anon) <= (double)m->budget)
		room = HOLES;
	for (size_t i = 0; i < m->n_ranges; i++) {
		uint64_t pages = m->range[i].to - m->range[i].from;

		*(clusters_do(m, &m->range[i]) ? &large : &small) += pages;
	}
	if (small + large <= room)
		return read_all(m, true, r);
	int err = read_all(m, false, r);

	return err < 0 || large == 0 ? err : read_clusters(m, large, s, r);
}
