/* SPDX-License-Identifier: MIT */
/*
 * True memory of processes and groups, estimated: of each group some members are measured
 * (page_process.h), and what /proc/PID/status tells of all carries that over to the others. Small
 * groups are measured whole, so asking for each process as a group of its own measures every
 * process.
 */
#include "base/mem.h"
#include "source/page_kinds.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>

enum {
	WHOLE = 16,       /* members of a group of which all are measured */
	DRAWS = 16,       /* members of a larger one, at first */
	DRAWS_LEAST = 4,  /* of each kind of them */
	DRAWS_MAX = 256,  /* and in all */
	BUDGET = 4 << 20, /* pages of their own that are read of all */
	BUDGET_LEAST = 8192,
	BUDGET_MOST = 1 << 18,
};

/* Standard error of a group's PSS that more members are measured for. */
#define GOAL 0.007

static const char denied[] = "needs CAP_SYS_ADMIN and CAP_SYS_PTRACE: /proc/kpagecount and pagemap";

static int measure_one(struct page_members *all, struct page_member_of *one)
{
	if (one->measured || one->err < 0 || one->twin)
		return one->err;
	if (probe_late(all->probe))
		return -ETIME;
	if (one->status.rss == 0 && one->status.tables == 0) { /* of the kernel, or a zombie */
		one->measured = true;
		return 0;
	}
	struct page_meter *m = &all->meter;

	one->err = page_process_measure(m, one->pid, &one->status, &one->result);
	if (one->err == -ESRCH && page_member_again(all, one) == 0)
		one->err = page_process_measure(m, one->pid, &one->status, &one->result);
	one->measured = one->err == 0;
	all->group[one->group].partial |= m->partial || page_counts_full(&m->counts);
	if (state_of_errno(one->err) == STATE_ABSENT)
		page_member_gone(all, one);
	return one->err;
}

/* As the engine wants it. */
static struct page_member member_of(
	const struct page_members *all, const struct page_member_of *one, double stands, bool uss)
{
	const struct mem_status *s = &one->status;
	double page = (double)all->meter.page_bytes;
	struct page_member m = { { (double)s->anon / page, (double)s->file / page,
					 (double)s->shmem / page },
		{ 0 }, one->result.error.variance, stands };
	double t = one->result.error.widen / 1.96;

	m.variance += t * t;
	memcpy(m.value, uss ? one->result.uss : one->result.pss, sizeof(m.value));
	return m;
}

/* Draws of some members, and what they tell. */
struct drawn {
	struct page_member_of *picked[DRAWS_MAX];
	double stands[DRAWS_MAX];
	struct page_member member[DRAWS_MAX];
	size_t n;
	bool whole; /* each of them once */
};

/* What cannot be gone on with. */
static bool ends_it(int err)
{
	return err == -ETIME || err == -ENOMEM;
}

/*
 * n more, all those that are there then standing for the kind in equal parts. 0, -ETIME or
 * -ENOMEM.
 */
static int draw_more(struct page_members *all, const struct page_kind *k, struct drawn *d, size_t n)
{
	size_t was = d->n, at[DRAWS_MAX];
	auto_free double *weight = mem_new(k->n, sizeof(*weight));

	if (!weight)
		return -ENOMEM;
	for (size_t i = 0; i < k->n; i++)
		weight[i] = k->member[i]->gone ? 0 : page_member_likely(all, k->member[i]);
	n = page_group_draw(&all->meter.random, weight, k->n, n, at, d->stands + was);
	for (size_t i = 0; i < was; i++)
		d->stands[i] *= (double)was / (double)(was + n);
	for (size_t i = was; i < was + n; i++)
		d->stands[i] *= (double)n / (double)(was + n);
	for (size_t i = 0; i < n; i++) {
		struct page_member_of *one = k->member[at[i]];
		int err = measure_one(all, one);

		if (ends_it(err))
			return err;
		if (err < 0)
			continue; /* it has ended, or hides: the others stand for it */
		d->stands[d->n] = d->stands[was + i];
		d->picked[d->n++] = one;
	}
	return 0;
}

/* All of them. Those that could not be measured are taken for like the others. */
static int measure_all(struct page_members *all, const struct page_kind *k, struct drawn *d)
{
	int err = 0;

	d->n = 0;
	d->whole = true;
	for (size_t i = 0; i < k->n && !ends_it(err); i++) {
		struct page_member_of *one = k->member[i];

		if (one->twin || one->gone)
			continue;
		err = measure_one(all, one);
		d->whole &= one->measured || one->gone;
		if (!one->measured)
			continue;
		d->stands[d->n] = 1;
		d->picked[d->n++] = one;
	}
	return ends_it(err) ? err : 0;
}

static struct page_estimate total(
	const struct page_members *all, const struct page_kind *k, struct drawn *d, bool uss)
{
	double sizes[PAGE_PARTS] = { 0 };
	struct page_estimate error = { 0 };

	for (size_t i = 0; i < k->n; i++) {
		const struct page_member_of *one = k->member[i];

		if (one->twin || one->gone)
			continue;
		sizes[PART_ANON] += pages_of(&all->meter, one->status.anon);
		sizes[PART_FILE] += pages_of(&all->meter, one->status.file);
		sizes[PART_SHMEM] += pages_of(&all->meter, one->status.shmem);
	}
	for (size_t i = 0; i < d->n; i++) {
		d->member[i] = member_of(all, d->picked[i], d->stands[i], uss);
		page_estimate_add(&error, d->picked[i]->result.error);
	}
	struct page_estimate e = page_group_total(d->member, d->n, d->whole, sizes);

	if (d->whole) { /* freedom and skewness are known of each */
		error.pages = e.pages;
		e = error;
	}
	return e;
}

/* The sum of all kinds. */
static void add_up(const struct page_members *all, struct page_group_of *g,
	const struct page_kinds *k, struct drawn *d)
{
	g->known = g->rss == 0 && g->live > 0;
	g->pss = (struct page_estimate){ 0 };
	g->uss = 0;
	for (size_t i = 0; i < k->n; i++) {
		g->known |= d[i].n > 0 || (d[i].whole && g->live > 0);
		page_estimate_add(&g->pss, total(all, &k->kind[i], &d[i], false));
		g->uss += total(all, &k->kind[i], &d[i], true).pages;
	}
}

/* n members of kind i, or all, where that is most of them. */
static int measure_kind(
	struct page_members *all, const struct page_kind *k, struct drawn *d, size_t n)
{
	if (d->whole || n <= d->n)
		return 0;
	if (n * 3 >= k->n * 2 && k->n <= DRAWS_MAX)
		return measure_all(all, k, d);
	return draw_more(all, k, d, (n < DRAWS_MAX ? n : DRAWS_MAX) - d->n);
}

/* More of those kinds that are uneven, so that the sum is as sure as it should be. */
static int measure_more(struct page_members *all, const struct page_group_of *g,
	const struct page_kinds *k, struct drawn *d)
{
	double deviation[PAGE_KINDS_MAX], sum = 0, want = g->pss.pages * GOAL;
	int err = 0;

	if (g->pss.seen <= want * want)
		return 0;
	for (size_t i = 0; i < k->n; i++) {
		struct page_estimate e = total(all, &k->kind[i], &d[i], false);

		deviation[i] = page_kind_deviation(e, d[i].n);
		sum += deviation[i];
	}
	for (size_t i = 0; i < k->n && err == 0; i++)
		err = measure_kind(
			all, &k->kind[i], &d[i], page_kind_enough(deviation[i], sum, want));
	return err;
}

static int measure_some(struct page_members *all, struct page_group_of *g)
{
	struct page_kinds k;
	int err = page_kinds_find(all, g, &k);
	auto_free struct drawn *d = mem_new(PAGE_KINDS_MAX, sizeof(*d));

	if (!d)
		err = -ENOMEM;
	for (size_t i = 0; i < k.n && err == 0; i++) {
		double n = k.kind[i].likely * DRAWS;

		err = measure_kind(
			all, &k.kind[i], &d[i], n > DRAWS_LEAST ? (size_t)n : DRAWS_LEAST);
	}
	if (err == 0) {
		add_up(all, g, &k, d);
		err = measure_more(all, g, &k, d);
	}
	if (err != -ENOMEM)
		add_up(all, g, &k, d);
	page_kinds_release(&k);
	return err;
}

/* Each of a small group. */
static int measure_whole(struct page_members *all, struct page_group_of *g)
{
	struct page_member_of *member[WHOLE];
	struct page_kinds k = { .kind = { { .member = member, .n = g->n } }, .n = 1 };
	auto_free struct drawn *d = mem_new(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		member[i] = &all->member[g->first + i];
	int err = measure_all(all, &k.kind[0], d);

	if (err != -ENOMEM)
		add_up(all, g, &k, d);
	return err;
}

static int measure_groups(struct page_members *all)
{
	size_t some = 0;

	for (size_t i = 0; i < all->n_groups; i++)
		some += all->group[i].n <= WHOLE ? all->group[i].n : WHOLE;
	size_t budget = BUDGET / (some ? some : 1);

	all->meter.budget = budget < BUDGET_LEAST  ? BUDGET_LEAST
			    : budget > BUDGET_MOST ? BUDGET_MOST
						   : budget;
	for (size_t i = 0; i < all->n_groups; i++) {
		struct page_group_of *g = &all->group[i];

		all->meter.group = (uint32_t)i;
		int err = g->n <= WHOLE ? measure_whole(all, g) : measure_some(all, g);

		if (err < 0)
			return err;
	}
	return 0;
}

static int run(struct page_members *all)
{
	int err = page_members_status(all);

	if (err == 0)
		err = measure_groups(all);
	if (err == -ENOMEM)
		return err;
	int added = page_members_rows(all);

	page_members_close(all, err == -ETIME, proc_denied(all->probe, denied));
	return added;
}

static int read_page_sample(struct probe *p)
{
	struct page_members all;

	if (!host_is_live(p->host))
		return 0;
	auto_close fd = host_open_offset(p->host, "proc/kpagecount");

	if (fd < 0 || !page_meter_sees_frames(p)) {
		page_members_fail(p, fd == -ENOENT ? STATE_ABSENT : STATE_DENIED, "%s",
			fd == -ENOENT ? "this kernel has no /proc/kpagecount" : denied);
		return 0;
	}
	int err = page_members_init(&all, p);

	if (err == 0)
		err = page_meter_init(&all.meter, p, fd);
	all.meter.counts.common = all.common;
	if (err == 0)
		err = run(&all);
	page_meter_release(&all.meter);
	page_members_release(&all);
	return err;
}

const struct source source_page_sample = {
	.name = "page_sample",
	.fills = { TABLE_process_share, TABLE_group_share, TABLE_shared_object,
		TABLE_object_share },
	.rank = 3,
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.rows_only = true,
	.deadline_ns = 4000000000, /* 10,000 processes, each by itself */
	.denied = denied,
	.read = read_page_sample,
};
