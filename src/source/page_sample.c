/* SPDX-License-Identifier: MIT */
/*
 * True memory of processes and groups, estimated: of each group some members are measured
 * (page_process.h), and what /proc/PID/status tells of all carries that over to the others. Small
 * groups are measured whole, so asking for each process as a group of its own measures every
 * process.
 */
#include "source/page_members.h"

#include "base/mem.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>

enum {
	WHOLE = 16,       /* members of a group of which all are measured */
	DRAWS = 12,       /* members of a larger one, at first */
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

/* Draws of a group, and what they tell. */
struct drawn {
	size_t picked[DRAWS_MAX];
	double stands[DRAWS_MAX];
	struct page_member member[DRAWS_MAX];
	size_t n;
};

/*
 * n more, all those that are there then standing for the group in equal parts. 0, -ETIME or
 * -ENOMEM.
 */
static int draw_more(struct page_members *all, struct page_group_of *g, struct drawn *d, size_t n)
{
	size_t was = d->n;
	auto_free double *weight = mem_new(g->n, sizeof(*weight));

	if (!weight)
		return -ENOMEM;
	for (size_t i = 0; i < g->n; i++)
		weight[i] = page_member_likely(all, &all->member[g->first + i]);
	n = page_group_draw(&all->meter.random, weight, g->n, n, d->picked + was, d->stands + was);
	for (size_t i = 0; i < was; i++)
		d->stands[i] *= (double)was / (double)(was + n);
	for (size_t i = was; i < was + n; i++)
		d->stands[i] *= (double)n / (double)(was + n);
	for (size_t i = was; i < was + n; i++) {
		struct page_member_of *one = &all->member[g->first + d->picked[i]];
		int err = measure_one(all, one);

		if (err == -ETIME || err == -ENOMEM)
			return err;
		if (err < 0)
			continue; /* it has ended, or hides: the others stand for it */
		d->picked[d->n] = d->picked[i];
		d->stands[d->n++] = d->stands[i];
	}
	return 0;
}

static struct page_estimate total(const struct page_members *all, const struct page_group_of *g,
	struct drawn *d, bool whole, bool uss)
{
	for (size_t i = 0; i < d->n; i++)
		d->member[i] =
			member_of(all, &all->member[g->first + d->picked[i]], d->stands[i], uss);
	return page_group_total(d->member, d->n, whole, g->sizes);
}

static int measure_some(struct page_members *all, struct page_group_of *g)
{
	struct drawn d = { .n = 0 };
	int err = draw_more(all, g, &d, DRAWS);

	g->known = g->rss == 0;

	if (err == 0) {
		size_t want = page_group_enough(total(all, g, &d, false, false), d.n, GOAL);

		want = want > DRAWS_MAX ? DRAWS_MAX : want;
		if (want > d.n)
			err = draw_more(all, g, &d, want - d.n);
	}
	if (d.n > 0) {
		g->pss = total(all, g, &d, false, false);
		g->uss = total(all, g, &d, false, true).pages;
		g->known = true;
	}
	return err;
}

/* Those of a small group that could not be measured are taken for like the others. */
static void sum_whole(const struct page_members *all, struct page_group_of *g)
{
	struct drawn d = { .n = 0 };
	struct page_estimate error = { 0 };
	bool whole = true;

	for (size_t i = 0; i < g->n; i++) {
		const struct page_member_of *one = &all->member[g->first + i];

		if (one->twin || one->gone)
			continue;
		whole &= one->measured;
		if (!one->measured)
			continue;
		d.picked[d.n] = i;
		d.stands[d.n++] = 1;
		page_estimate_add(&error, one->result.error);
	}
	g->known = d.n > 0 || (whole && g->live > 0);
	g->uss = total(all, g, &d, whole, true).pages;
	g->pss = total(all, g, &d, whole, false);
	if (whole) { /* freedom and skewness are known of each */
		error.pages = g->pss.pages;
		g->pss = error;
	}
}

static int measure_whole(struct page_members *all, struct page_group_of *g)
{
	int err = 0;

	for (size_t i = g->first; i < g->first + g->n; i++) {
		err = measure_one(all, &all->member[i]);
		if (err == -ETIME || err == -ENOMEM)
			break;
		err = 0;
	}
	sum_whole(all, g);
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
