/* SPDX-License-Identifier: MIT */
#include "source/page_kinds.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* What is less of a usual member makes no kind. */
#define LEAST_PART 0.0625

/* Steps of sizes: the square root of 2, and coarser where there were too many kinds. */
enum { STEPS_PER_DOUBLING = 2, COARSEST = 64 };

struct signed_member {
	struct page_member_of *one;
	double shared, anon; /* what of it is likely its own, bytes */
	int kind[2];
};

static int by_kind(const void *a, const void *b)
{
	const struct signed_member *x = a, *y = b;

	for (size_t i = 0; i < ARRAY_SIZE(x->kind); i++) {
		if (x->kind[i] != y->kind[i])
			return x->kind[i] < y->kind[i] ? -1 : 1;
	}
	return (x->one->pid > y->one->pid) - (x->one->pid < y->one->pid);
}

static bool alike(const struct signed_member *x, const struct signed_member *y)
{
	return x->kind[0] == y->kind[0] && x->kind[1] == y->kind[1];
}

static int step_of(double bytes, double least, int coarse)
{
	return bytes < least ? INT_MIN : (int)floor(log2(bytes) * STEPS_PER_DOUBLING / coarse);
}

/* Sort them by kinds of that size. How many kinds there are. */
static size_t sort(struct signed_member *m, size_t n, double least, int coarse)
{
	size_t kinds = n > 0;

	for (size_t i = 0; i < n; i++) {
		m[i].kind[0] = step_of(m[i].shared, least, coarse);
		m[i].kind[1] = step_of(m[i].anon, least, coarse);
	}
	qsort(m, n, sizeof(*m), by_kind);
	for (size_t i = 1; i < n; i++)
		kinds += !alike(&m[i - 1], &m[i]);
	return kinds;
}

static void split(struct page_kinds *k, const struct signed_member *m, size_t n, double likely)
{
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !alike(&m[i - 1], &m[i]))
			k->kind[k->n++] = (struct page_kind){ .member = k->member + i };
		struct page_kind *kind = &k->kind[k->n - 1];

		k->member[i] = m[i].one;
		kind->n++;
		kind->likely += (m[i].shared + m[i].anon) / likely;
	}
}

int page_kinds_find(
	const struct page_members *all, const struct page_group_of *g, struct page_kinds *ret_kinds)
{
	auto_free struct signed_member *m = mem_new(g->n + 1, sizeof(*m));
	struct page_kinds k = { .member = mem_new(g->n + 1, sizeof(*k.member)) };
	double likely = 0;
	size_t n = 0;

	for (size_t i = g->first; m && i < g->first + g->n; i++) {
		struct page_member_of *one = &all->member[i];
		double its = page_member_likely(all, one);

		if (its <= 0 || one->gone)
			continue;
		m[n++] = (struct signed_member){ .one = one,
			.shared = its - (double)one->status.anon,
			.anon = (double)one->status.anon };
		likely += its;
	}
	*ret_kinds = k;
	if (!m || !k.member)
		return -ENOMEM;
	double least = n ? likely / (double)n * LEAST_PART : 0;

	for (int coarse = 1; sort(m, n, least, coarse) > PAGE_KINDS_MAX; coarse *= 2) {
		if (coarse > COARSEST)
			least = likely + 1; /* all are of one kind */
	}
	split(ret_kinds, m, n, likely);
	return 0;
}

void page_kinds_release(struct page_kinds *k)
{
	free(k->member);
}
