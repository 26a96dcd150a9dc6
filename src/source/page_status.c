/* SPDX-License-Identifier: MIT */
/*
 * True memory for those who may not look at pages: what /proc/PID/status and /proc/meminfo leave
 * possible. Never a sum of RssShmem: 600 processes that map the same 2 GiB have 2 GiB.
 *
 * A page that several map is in RssFile or RssShmem of each. So the PSS of what a group shares is
 * at most the sum of these, and at most all that is mapped on this machine (Mapped); and at least
 * what it would be if every task of the machine mapped each page. The estimate is the middle, and
 * all groups together have no more than Mapped. RssAnon counts what forks have not written to yet
 * in each of them: what all have more than AnonPages is counted twice somewhere; where not all
 * processes of the machine are seen, what parents and children of the same name have may be.
 */
#include "source/page_members.h"

#include "base/cursor.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>

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

/* Bounds add up, whatever chance would do. */
static struct page_estimate plus(struct page_estimate a, struct page_estimate b)
{
	return (struct page_estimate){ .pages = a.pages + b.pages, .widen = a.widen + b.widen };
}

/* What a sum of RssFile and RssShmem may be worth. */
static struct bounds shared_bounds(
	const struct page_members *all, const struct whole *w, double size)
{
	double mapped = w->mapped ? pages_of(&all->meter, w->mapped) : size;
	double tasks = w->tasks > all->n ? (double)w->tasks : (double)all->n;

	return (struct bounds){ tasks > 0 ? size / tasks : 0, size < mapped ? size : mapped };
}

static int by_family(const void *a, const void *b)
{
	const struct page_member_of *x = *(struct page_member_of *const *)a;
	const struct page_member_of *y = *(struct page_member_of *const *)b;

	if (x->status.name != y->status.name)
		return x->status.name < y->status.name ? -1 : 1;
	return (x->status.ppid > y->status.ppid) - (x->status.ppid < y->status.ppid);
}

/* Children 0 to n - 1 of one parent, all with one name. */
static void count_family(const struct page_members *all, struct page_member_of *const *child,
	size_t n, double *twice)
{
	const struct mem_status *s = &child[0]->status;
	const struct page_member_of *parent = page_members_find(all, s->ppid);
	size_t largest = 0;

	if (parent && (parent->err < 0 || parent->status.name != s->name))
		parent = NULL;
	for (size_t i = 0; i < n; i++) {
		double anon = pages_of(&all->meter, child[i]->status.anon);

		if (child[i]->status.anon > child[largest]->status.anon)
			largest = i;
		if (parent) {
			double theirs = pages_of(&all->meter, parent->status.anon);
			double *its = &twice[parent - all->member];

			anon = anon < theirs ? anon : theirs;
			*its = *its > anon ? *its : anon;
		}
		if (parent || n > 1)
			twice[child[i] - all->member] = anon;
	}
	if (!parent && n > 1) /* theirs may have it, too, and is not seen */
		twice[child[largest] - all->member] /= 2;
}

/*
 * Forks that run the same program may share all that they have not written to since: how many pages
 * of each member that can be. Who runs another program than its parent shares none with it.
 */
static double *find_families(const struct page_members *all)
{
	auto_free struct page_member_of **sorted = mem_new(all->n + 1, sizeof(*sorted));
	double *twice = mem_new(all->n + 1, sizeof(*twice));
	size_t n = 0;

	for (size_t i = 0; sorted && twice && i < all->n; i++) {
		if (all->member[i].err == 0 && !all->member[i].twin)
			sorted[n++] = &all->member[i];
	}
	if (n > 0)
		qsort(sorted, n, sizeof(*sorted), by_family);
	for (size_t i = 0, stop; i < n; i = stop) {
		for (stop = i + 1; stop < n && by_family(&sorted[i], &sorted[stop]) == 0; stop++)
			;
		count_family(all, sorted + i, stop - i, twice);
	}
	if (sorted)
		return twice;
	free(twice);
	return NULL;
}

/* All processes of the machine: then AnonPages tells how much is counted twice. */
static bool sees_all(const struct page_members *all)
{
	const struct table *t = frame_table(all->probe->frame, TABLE_process);
	size_t users = 0;
	bool kernel = false;

	for (table_each(const struct process, p, t)) {
		kernel |= p->kthread;
		users += !p->kthread;
	}
	return kernel && t->lost == 0 && users <= all->n;
}

/* Of RssAnon. */
struct anon {
	double sum;    /* of all members */
	double excess; /* what it has more than AnonPages; 0: none, or not known */
	bool sure;     /* it is all that is counted twice */
	double all;    /* AnonPages; 0: not known */
};

/* What size of it is worth, of which twice may be counted twice. */
static struct page_estimate anon_within(const struct anon *a, double size, double twice)
{
	double over = a->sure || twice < a->excess ? a->excess : twice;

	over = over < size ? over : size;
	if (over <= 0)
		return (struct page_estimate){ .pages = size };
	double value = size - (a->excess > 0 ? a->excess * size / a->sum : over / 2);
	/* However many have it: no more than there is on this machine. */
	double most = a->all > 0 && a->all < size ? a->all : size;
	double least = size - over < most ? size - over : most;

	return within((struct bounds){ least, most }, value < most ? value : most);
}

static double middle(struct bounds b)
{
	return (b.low + b.high) / 2;
}

static double shared_of(const struct page_group_of *g)
{
	return g->sizes[PART_FILE] + g->sizes[PART_SHMEM];
}

static void bound_member(const struct page_members *all, const struct whole *w,
	const struct anon *a, double twice, struct page_member_of *one)
{
	const struct page_meter *m = &all->meter;
	const struct mem_status *s = &one->status;
	struct bounds b = shared_bounds(all, w, pages_of(m, s->file + s->shmem));
	struct page_estimate e =
		plus(anon_within(a, pages_of(m, s->anon), twice), within(b, middle(b)));

	one->measured = true;
	if (one->twin)
		return;
	one->result.rss[PART_ANON] = pages_of(m, s->rss);
	one->result.pss[PART_ANON] = e.pages;
	one->result.error = e;
}

static struct anon anon_of(const struct page_members *all, const struct whole *w)
{
	struct anon a = { .sure = w->anon > 0 && sees_all(all),
		.all = pages_of(&all->meter, w->anon) };

	for (size_t i = 0; i < all->n_groups; i++)
		a.sum += all->group[i].sizes[PART_ANON];
	if (w->anon > 0 && a.sum > pages_of(&all->meter, w->anon))
		a.excess = a.sum - pages_of(&all->meter, w->anon);
	return a;
}

static int bound(struct page_members *all, const struct whole *w)
{
	double middles = 0, mapped = pages_of(&all->meter, w->mapped);
	struct anon anon = anon_of(all, w);
	auto_free double *twice = find_families(all);

	if (!twice)
		return -ENOMEM;
	for (size_t i = 0; i < all->n_groups; i++)
		middles += middle(shared_bounds(all, w, shared_of(&all->group[i])));
	double less = w->mapped && middles > mapped ? mapped / middles : 1;

	for (size_t i = 0; i < all->n_groups; i++) {
		struct page_group_of *g = &all->group[i];
		struct bounds b = shared_bounds(all, w, shared_of(g));
		double theirs = 0;

		for (size_t k = g->first; k < g->first + g->n; k++)
			theirs += twice[k];
		g->pss = plus(anon_within(&anon, g->sizes[PART_ANON], theirs),
			within(b, less * middle(b)));
		g->known = g->live > 0;
	}
	for (size_t i = 0; i < all->n; i++) {
		if (all->member[i].err == 0)
			bound_member(all, w, &anon, twice[i], &all->member[i]);
	}
	return 0;
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
	if (err == 0)
		err = bound(&all, &w);
	if (err == 0) {
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
