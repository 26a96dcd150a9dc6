/* SPDX-License-Identifier: MIT */
/*
 * True memory for those who may not look at pages: what /proc/PID/status and /proc/meminfo leave
 * possible. Never a sum of RssShmem: 600 processes that map the same 2 GiB have 2 GiB.
 *
 * A page that several map is in RssFile or RssShmem of each. So the PSS of what a group shares is
 * at most the sum of these, and at most all that is mapped on this machine (Mapped); and at least
 * what it would be if every task of the machine mapped each page. The estimate is the middle, and
 * all groups together have no more than Mapped. RssAnon counts what forks have not written to yet
 * in each of them: what all have more than AnonPages is counted twice somewhere.
 */
#include "source/page_members.h"

#include "base/cursor.h"

#include <errno.h>

static const char denied[] = "needs root: /proc is mounted with hidepid";

/* Bytes, as the whole machine has them; and its tasks. 0: unknown. */
struct whole {
	uint64_t mapped, anon, tasks;
};

/* "0.10 0.20 0.30 2/345 678": the last but one is of all pid namespaces. */
static uint64_t tasks_of(struct probe *p)
{
	char buf[128];
	int n = probe_line(p, "proc/loadavg", buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n);
	struct span before;
	uint64_t tasks;

	return cursor_until(&c, '/', &before) && cursor_u64(&c, &tasks) ? tasks : 0;
}

static struct whole whole_of(struct probe *p)
{
	struct whole w = { .tasks = tasks_of(p) };
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, "proc/meminfo", 1 << 16, &text);
	struct cursor c = cursor_of(text.bytes, err < 0 ? 0 : text.len), line;

	while (cursor_line(&c, &line)) {
		uint64_t *to = cursor_lit(&line, "Mapped:")      ? &w.mapped
			       : cursor_lit(&line, "AnonPages:") ? &w.anon
								 : NULL;
		uint64_t kib;

		if (to && cursor_u64(&line, &kib) && kib <= UINT64_MAX / 1024)
			*to = kib * 1024;
	}
	return w;
}

/* What is possible, pages. */
struct bounds {
	double low, high;
};

/* value, as far off as the bound that is farther. */
static struct page_estimate within(struct bounds b, double value)
{
	double below = value - b.low, above = b.high - value;

	return (struct page_estimate){ .pages = value, .widen = above > below ? above : below };
}

/* What a sum of RssFile and RssShmem may be worth. */
static struct bounds shared_bounds(
	const struct page_members *all, const struct whole *w, double size)
{
	double mapped = w->mapped ? pages_of(&all->meter, w->mapped) : size;
	double tasks = w->tasks > all->n ? (double)w->tasks : (double)all->n;

	return (struct bounds){ tasks > 0 ? size / tasks : 0, size < mapped ? size : mapped };
}

/* What a sum of RssAnon is worth: of anon in all, twice may be counted twice. */
static struct page_estimate anon_within(double size, double anon, double twice)
{
	double over = twice < size ? twice : size;

	if (twice <= 0)
		return (struct page_estimate){ .pages = size };
	return within((struct bounds){ size - over, size }, size - twice * size / anon);
}

static double middle(struct bounds b)
{
	return (b.low + b.high) / 2;
}

static double shared_of(const struct page_group_of *g)
{
	return g->sizes[PART_FILE] + g->sizes[PART_SHMEM];
}

static void bound_member(const struct page_members *all, const struct whole *w, double anon,
	double twice, struct page_member_of *one)
{
	const struct page_meter *m = &all->meter;
	const struct mem_status *s = &one->status;
	struct bounds b = shared_bounds(all, w, pages_of(m, s->file + s->shmem));
	struct page_estimate e = anon_within(pages_of(m, s->anon), anon, twice);

	page_estimate_add(&e, within(b, middle(b)));
	one->measured = true;
	if (one->twin)
		return;
	one->result.rss[PART_ANON] = pages_of(m, s->rss);
	one->result.pss[PART_ANON] = e.pages;
	one->result.error = e;
}

static void bound(struct page_members *all, const struct whole *w)
{
	double anon = 0, middles = 0, mapped = pages_of(&all->meter, w->mapped);

	for (size_t i = 0; i < all->n_groups; i++) {
		anon += all->group[i].sizes[PART_ANON];
		middles += middle(shared_bounds(all, w, shared_of(&all->group[i])));
	}
	double less = w->mapped && middles > mapped ? mapped / middles : 1;
	double twice = w->anon ? anon - pages_of(&all->meter, w->anon) : 0;

	for (size_t i = 0; i < all->n_groups; i++) {
		struct page_group_of *g = &all->group[i];
		struct bounds b = shared_bounds(all, w, shared_of(g));

		g->pss = anon_within(g->sizes[PART_ANON], anon, twice);
		page_estimate_add(&g->pss, within(b, less * middle(b)));
		g->known = g->live > 0;
	}
	for (size_t i = 0; i < all->n; i++) {
		if (all->member[i].err == 0)
			bound_member(all, w, anon, twice, &all->member[i]);
	}
}

static int read_page_status(struct probe *p)
{
	struct page_members all;
	struct whole w = whole_of(p);
	int err = page_members_init(&all, p);

	all.bounds = true;
	all.meter.page_bytes = (uint64_t)host_page_size(p->host);
	if (err == 0)
		err = page_members_status(&all);
	if (err == 0) {
		bound(&all, &w);
		page_members_close(&all, false, denied);
		err = page_members_rows(&all);
	}
	page_members_release(&all);
	return err;
}

const struct source source_page_status = {
	.name = "page_status",
	.fills = { TABLE_process_share, TABLE_group_share },
	.rank = 4,
	.cost = COST_ASKED,
	.deadline_ns = 1500000000,
	.denied = denied,
	.read = read_page_status,
};
