/* SPDX-License-Identifier: MIT */
/* Pages of large objects that a process maps: some are drawn, how many there are status tells. */
#include "source/page_process.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum {
	OWN_PAGES = 512,   /* of its own in private mappings of objects, that are looked for */
	OWN_WALK_MAX = 64, /* MiB of address space, at once */
	OWN_STEPS = 8,
	FEW = 8,
};

/* What is known of one part while it is drawn from. */
struct draw {
	enum page_part_of part;
	uint64_t frame; /* pages of all pieces */
	struct page_strata seen, own;
};

static int add_piece(struct page_meter *m, struct draw *d, uint32_t big, uint64_t from, uint64_t to)
{
	int err = page_room(&m->piece, m->n_pieces, &m->pieces_size, sizeof(*m->piece));

	if (err < 0)
		return err;
	m->piece[m->n_pieces++] = (struct page_piece){ from, d->frame, big };
	d->frame += to - from;
	return 0;
}

/* Where the object has pages in memory, as far as that is known. */
static int add_pieces(struct page_meter *m, struct draw *d, uint32_t big)
{
	const struct page_area *a = &m->area[m->big[big].area];
	const struct page_object *x = &m->objects.object[a->object];
	uint64_t length = a->to - a->from;
	int err = 0;

	if (!x->sized)
		return add_piece(m, d, big, a->from, a->to);
	for (size_t i = 0; i < x->n_extents && err == 0; i++) {
		uint64_t from = x->extent[i].from, to = x->extent[i].to;

		if (to <= a->offset || from >= a->offset + length)
			continue;
		from = from > a->offset ? from - a->offset : 0;
		to = to - a->offset < length ? to - a->offset : length;
		err = add_piece(m, d, big, a->from + from, a->from + to);
	}
	return err;
}

/* Look at one page. 0 or -errno. */
static int draw_one(struct page_meter *m, struct draw *d, uint32_t area, uint64_t page)
{
	uint64_t entry, maps = 0;
	ssize_t n = pread(m->fd, &entry, sizeof(entry), (off_t)(page * sizeof(entry)));

	if (n != sizeof(entry))
		return n < 0 ? -errno : -ESRCH;
	if (!PAGE_PRESENT(entry) || page_counts_run(&m->counts, PAGE_FRAME(entry), 1, &maps) < 0 ||
		maps == 0 || maps > UINT32_MAX) {
		page_strata_add(&d->seen, false, 0);
		return 0;
	}
	if (!PAGE_OF_FILE(entry)) {
		page_strata_add(&d->own, true, 1.0 / (double)maps);
		page_strata_add(&d->seen, false, 0);
		return 0;
	}
	page_strata_add(&d->seen, true, 1.0 / (double)maps);
	m->hit[m->n_hits++] = (struct page_hit){ area, (uint32_t)maps, page };
	return 0;
}

/* One page of each of n equal parts of the frame. */
static int draw_all(struct page_meter *m, struct draw *d, uint64_t n)
{
	size_t i = 0;
	int err = 0;

	for (uint64_t k = 0; k < n && err == 0; k++) {
		uint64_t from = d->frame * k / n, to = d->frame * (k + 1) / n;
		uint64_t at = from + page_random_below(&m->random, to - from);

		while (i + 1 < m->n_pieces && m->piece[i + 1].before <= at)
			i++;
		err = draw_one(m, d, m->big[m->piece[i].big].area,
			m->piece[i].from + (at - m->piece[i].before));
	}
	return err;
}

/* What each object has of it. */
static void share_out(
	struct page_meter *m, enum page_part_of of, double pages, struct page_result *r)
{
	double each = m->n_hits ? pages / (double)m->n_hits : 0;

	for (size_t i = 0; i < m->n_hits; i++) {
		const struct page_hit *hit = &m->hit[i];
		const struct page_area *a = &m->area[hit->area];
		const struct page_object *x = &m->objects.object[a->object];
		struct page_part *part =
			page_objects_part(&m->objects, (uint32_t)a->object, m->group);
		uint64_t length = x->sized ? x->size / m->page_bytes : a->offset + a->to - a->from;
		struct page_bin *bin =
			part ? page_part_bin(part, a->offset + hit->page - a->from, length) : NULL;

		r->uss[of] += hit->maps == 1 ? each : 0;
		if (!bin)
			continue;
		part->rss += each;
		part->pss += each / hit->maps;
		bin->rss += each;
		bin->pss += each / hit->maps;
		bin->alone += hit->maps == 1 ? each : 0;
	}
}

/* Those of one part: files, whose pages in memory cannot be asked for, or what lives there. */
static int draw_part(struct page_meter *m, struct draw *d, uint64_t bytes, struct page_result *r)
{
	double pages = pages_of(m, bytes) - r->rss[d->part];
	int err = 0;

	m->n_pieces = m->n_hits = 0;
	for (uint32_t i = 0; i < m->n_bigs && err == 0; i++) {
		const struct page_area *a = &m->area[m->big[i].area];

		if ((a->memory ? PART_SHMEM : PART_FILE) == d->part)
			err = add_pieces(m, d, i);
	}
	if (err < 0 || d->frame == 0 || pages < 1)
		return err;
	double want = (double)m->draws * (double)d->frame / pages;
	uint64_t n = want > PAGE_DRAWS_MAX     ? PAGE_DRAWS_MAX
		     : want < (double)m->draws ? m->draws
					       : (uint64_t)want;

	err = draw_all(m, d, n < d->frame ? n : d->frame);
	if (err < 0)
		return err;
	struct page_estimate e = page_strata_total(&d->seen, pages);

	/* None was hit: they are taken for what a shared page is worth on this machine. */
	if (d->seen.hits == 0)
		e = (struct page_estimate){ .pages = pages * m->worth,
			.widen = pages * fmin(1, 3 * m->worth) };
	r->rss[d->part] += pages;
	r->pss[d->part] += e.pages;
	page_estimate_add(&r->error, e);
	share_out(m, d->part, pages, r);
	return 0;
}

/*
 * Pages that it wrote to in private mappings of objects: looked for, a little at a time, until all
 * that status tells of are found. How many were not.
 */
static double find_own(struct page_meter *m, double missing, struct page_result *r)
{
	struct host_run runs[HOST_RUNS_MAX];
	double found = r->rss[PART_ANON];
	int steps = 0;

	for (size_t i = 0; i < m->n_bigs && !m->no_scan; i++) {
		const struct page_area *a = &m->area[m->big[i].area];
		uint64_t at = a->from * m->page_bytes, end = a->to * m->page_bytes;

		while (!a->shared && at < end && r->rss[PART_ANON] - found < missing) {
			uint64_t stop = at + ((uint64_t)OWN_WALK_MAX << 20);
			int n = steps++ < OWN_STEPS
					? host_present_runs(m->fd, &m->turn, runs, HOST_RUNS_MAX,
						  RUNS_OWN, stop < end ? stop : end, OWN_PAGES, &at)
					: -EBUSY;

			if (n < 0)
				return missing - (r->rss[PART_ANON] - found);
			for (int k = 0; k < n; k++) {
				uint64_t from = runs[k].start / m->page_bytes;
				ssize_t got = host_read_pagemap(m->fd, &m->turn, from,
					runs[k].end / m->page_bytes - from, m->entry);

				if (got > 0)
					page_count_entries(m, a, from, m->entry, (size_t)got, r);
			}
		}
	}
	return missing - (r->rss[PART_ANON] - found);
}

/*
 * Those that were not found are worth what the others were that were drawn, or else what its heap
 * is.
 */
static void count_own(
	struct page_meter *m, const struct page_strata *own, double missing, struct page_result *r)
{
	double left = own->hits >= FEW ? missing : find_own(m, missing, r);
	struct page_estimate e = page_strata_total(own, left);
	double alone = r->rss[PART_ANON] > 0 ? r->uss[PART_ANON] / r->rss[PART_ANON] : 1;

	if (left < 1)
		return;
	if (own->hits < FEW) {
		double worth = r->rss[PART_ANON] > 0 ? r->pss[PART_ANON] / r->rss[PART_ANON] : 1;

		e = (struct page_estimate){ .pages = left * worth, .widen = left / 2 };
	}
	r->rss[PART_ANON] += left;
	r->pss[PART_ANON] += e.pages;
	r->uss[PART_ANON] += left * alone;
	page_estimate_add(&r->error, e);
}

int page_draw(struct page_meter *m, const struct mem_status *s, struct page_result *r)
{
	struct draw files = { .part = PART_FILE }, memory = { .part = PART_SHMEM };
	bool private = false;
	int err = draw_part(m, &files, s->file, r);

	if (err == 0)
		err = draw_part(m, &memory, s->shmem, r);
	for (size_t i = 0; i < m->n_bigs; i++)
	private |= !m->area[m->big[i].area].shared;
	double missing = pages_of(m, s->anon) - r->rss[PART_ANON];
	const struct page_strata *own = memory.own.hits > files.own.hits ? &memory.own : &files.own;

	if (err == 0 && private && missing >= 1)
		count_own(m, own, missing, r);
	return err;
}
