/* SPDX-License-Identifier: MIT */
/* Estimates from samples of pages, on populations whose truth is known. */
#include "engine/page_sample.h"

#include "tests/unit/unit.h"

#include <math.h>

enum { TRIALS = 200, PAGES = 32768, DRAWS = 64, COVERED = TRIALS * 93 / 100 };

static double value[PAGES]; /* 0: not there */

static double uniform(struct page_random *r)
{
	return (double)(page_random_next(r) >> 11) * 0x1p-53;
}

/* 1 to most, each decade as likely as any other. */
static double log_uniform(struct page_random *r, double most)
{
	return floor(pow(most, uniform(r)));
}

static double one_mapcount(struct page_random *r, size_t i, int kind)
{
	static double run;

	switch (kind) {
	case 0: /* all alike */
		return 300;
	case 1: /* the first half is mapped by twice as many */
		return i < PAGES / 2 ? 300 : 150;
	case 2: /* from all to one */
		return log_uniform(r, 600);
	case 3: /* one in twelve by few, the rest by hundreds */
		return uniform(r) < 1.0 / 12 ? 1 + floor(4 * uniform(r)) : 200 + 400 * uniform(r);
	case 4: /* runs of 64 */
		if (i % 64 == 0)
			run = log_uniform(r, 600);
		return run;
	case 5: /* halves, at random */
		return uniform(r) < 0.5 ? 2 : 1;
	default: /* by position, slowly */
		return 1 + (double)i / 100;
	}
}

enum { KINDS = 7 };

static void populate(struct page_random *r, int kind, double there)
{
	for (size_t i = 0; i < PAGES; i++) {
		double m = one_mapcount(r, i, kind);

		value[i] = uniform(r) < there ? 1 / m : 0;
	}
}

static double truth(double *ret_pages)
{
	double sum = 0;

	*ret_pages = 0;
	for (size_t i = 0; i < PAGES; i++) {
		sum += value[i];
		*ret_pages += value[i] > 0;
	}
	return sum;
}

static struct page_estimate draw(struct page_random *r, size_t draws, double pages)
{
	struct page_strata s = { 0 };

	for (size_t i = 0; i < draws; i++) {
		uint64_t from = PAGES * i / draws, to = PAGES * (i + 1) / draws;
		double v = value[from + page_random_below(r, to - from)];

		page_strata_add(&s, v > 0, v);
	}
	return page_strata_total(&s, pages);
}

static void test_strata_cover(void **state UNUSED)
{
	struct page_random r = page_random_of(1);

	for (int kind = 0; kind < KINDS; kind++) {
		for (int there = 1; there <= 2; there++) {
			int covered = 0;
			double pages;

			for (int trial = 0; trial < TRIALS; trial++) {
				populate(&r, kind, there / 2.0);
				double want = truth(&pages);
				struct page_estimate e =
					draw(&r, (size_t)(2 * DRAWS / there), pages);

				covered += fabs(e.pages - want) <= page_estimate_error(e) + 1e-6;
			}
			assert_true(covered >= COVERED);
		}
	}
}

/* A heap in clusters of 64 pages, of which some runs are still shared with other forks. */
static void test_clusters_cover(void **state UNUSED)
{
	enum { CLUSTER = 64, ALL = PAGES / CLUSTER };
	struct page_random r = page_random_of(2);

	for (unsigned int sharers = 1; sharers <= 8; sharers *= 2) {
		int covered = 0;

		for (int trial = 0; trial < TRIALS; trial++) {
			struct page_clusters c = { 0 };
			double sum = 0, run = 1;

			for (size_t i = 0; i < PAGES; i++) {
				if (i % 256 == 0)
					run = uniform(&r) < 0.2 ? 1.0 / sharers : 1;
				value[i] = run;
				sum += value[i];
			}
			for (size_t i = 0; i < DRAWS; i++) {
				size_t part = ALL / DRAWS;
				size_t at = (i * part + page_random_below(&r, part)) * CLUSTER;
				double y = 0;

				for (size_t k = at; k < at + CLUSTER; k++)
					y += value[k];
				page_clusters_add(&c, CLUSTER, y);
			}
			struct page_estimate e = page_clusters_total(&c, ALL, PAGES);

			covered += fabs(e.pages - sum) <= page_estimate_error(e) + 1e-6;
		}
		assert_true(covered >= COVERED);
	}
}

/*
 * Members of a group. kind 0: workers alike; 1: half of them have touched twice as much of what is
 * shared; 2: heaps of all sizes, partly shared; 3: one of them leaks.
 */
static void make_group(struct page_random *r, int kind, struct page_member *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double heap = kind == 2 ? 100 * pow(1000, uniform(r)) : 500 + 50 * uniform(r);
		double shared = kind == 1 && i % 2 ? 500000 : 250000;

		if (kind == 3 && i == n / 3)
			heap *= 1000;
		m[i] = (struct page_member){ { heap, 1500, shared },
			{ heap * (kind == 2 ? 0.6 + 0.4 * uniform(r) : 1), 20 + 5 * uniform(r),
				shared / 300 * (shared > 300000 ? 1.5 : 1) },
			0, 1 };
	}
}

/* As sizes tell before anything is measured: a shared page is worth little. */
static double likely_of(const struct page_member *m)
{
	return m->size[0] + (m->size[1] + m->size[2]) / 200;
}

static void test_group_covers(void **state UNUSED)
{
	enum { ALL = 300, SOME = 16 };
	static const double rms[] = { 0.01, 0.02, 0.06, 0.01 };
	struct page_member m[ALL], drawn[SOME];
	struct page_random r = page_random_of(3);

	for (int kind = 0; kind < 4; kind++) {
		int covered = 0;
		double off = 0;

		for (int trial = 0; trial < TRIALS; trial++) {
			double sizes[PAGE_PARTS] = { 0 }, want = 0, likely[ALL], stands[SOME];
			size_t picked[SOME];

			make_group(&r, kind, m, ALL);
			for (size_t i = 0; i < ALL; i++) {
				likely[i] = likely_of(&m[i]);
				for (size_t part = 0; part < PAGE_PARTS; part++) {
					sizes[part] += m[i].size[part];
					want += m[i].value[part];
				}
			}
			assert_int_equal(
				page_group_draw(&r, likely, ALL, SOME, picked, stands), SOME);
			for (size_t i = 0; i < SOME; i++) {
				drawn[i] = m[picked[i]];
				drawn[i].stands = stands[i];
			}
			struct page_estimate e = page_group_total(drawn, SOME, false, sizes);

			covered += fabs(e.pages - want) <= page_estimate_error(e);
			off += (e.pages - want) * (e.pages - want) / want / want;
		}
		assert_true(covered >= COVERED);
		assert_true(sqrt(off / TRIALS) < rms[kind]);
	}
}

static void test_group_of_all_is_exact(void **state UNUSED)
{
	struct page_member m[3] = { { { 1, 2, 3 }, { 1, 0.5, 0.25 }, 0, 1 },
		{ { 4, 5, 6 }, { 4, 1, 1 }, 0, 1 }, { { 7, 8, 9 }, { 7, 1, 1 }, 0, 1 } };
	const double sizes[PAGE_PARTS] = { 12, 15, 18 };
	struct page_estimate e = page_group_total(m, 3, true, sizes);

	assert_true(fabs(e.pages - 16.75) < 1e-9);
	assert_true(page_estimate_error(e) == 0);
}

static void test_group_wants_more(void **state UNUSED)
{
	/* Alone and 20 off where 10 are wanted: 4 times as many, and a fifth more. */
	double one =
		page_kind_deviation((struct page_estimate){ .variance = 9000, .seen = 400 }, 8);
	double other = page_kind_deviation((struct page_estimate){ .seen = 100 }, 8);

	assert_int_equal(page_kind_enough(one, one, 10), 39);
	/* Besides another one that is half as uneven: twice as many as of that. */
	assert_int_equal(page_kind_enough(one, one + other, 10), 58);
	assert_int_equal(page_kind_enough(other, one + other, 10), 29);
	assert_int_equal(page_kind_enough(0, one, 10), 0);
	assert_int_equal(page_kind_enough(one, one, 0), 0);
}

static void test_draw_takes_the_large_ones(void **state UNUSED)
{
	struct page_random r = page_random_of(5);
	double likely[100], stands[10], sum = 0;
	size_t picked[10], big = 0;

	for (size_t i = 0; i < 100; i++)
		likely[i] = i == 42 ? 100 : i == 7 ? 0 : 1;
	assert_int_equal(page_group_draw(&r, likely, 100, 10, picked, stands), 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_not_equal(picked[i], 7);
		big += picked[i] == 42;
		sum += stands[i] * likely[picked[i]];
	}
	assert_in_range(big, 4, 6);
	assert_true(fabs(sum - 198) < 1e-9);
	memset(likely, 0, sizeof(likely));
	assert_int_equal(page_group_draw(&r, likely, 100, 10, picked, stands), 0);
}

static void test_nothing_seen_says_so(void **state UNUSED)
{
	struct page_strata s = { 0 };
	struct page_clusters c = { 0 };
	struct page_member m = { { 0 }, { 0 }, 0, 10 };
	const double sizes[PAGE_PARTS] = { 0, 100, 0 };
	struct page_estimate e = page_strata_total(&s, 100);

	assert_true(e.pages == 50 && page_estimate_error(e) == 50);
	assert_true(page_strata_total(&s, 0).pages == 0);
	assert_true(page_estimate_error(page_clusters_total(&c, 10, 100)) == 50);
	e = page_group_total(&m, 1, false, sizes);
	assert_true(e.pages == 50 && page_estimate_error(e) == 50);
	page_strata_add(&s, true, 0.25);
	assert_true(page_estimate_error(page_strata_total(&s, 100)) > 70);
	assert_true(page_estimate_error(page_strata_total(&s, 1)) == 0);
}

static void test_t(void **state UNUSED)
{
	static const struct {
		double freedom, t;
	} want[] = { { 1, 12.706 }, { 4, 2.776 }, { 5, 2.571 }, { 10, 2.228 }, { 63, 1.998 },
		{ 1e9, 1.95996 } };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_true(fabs(page_t975(want[i].freedom) - want[i].t) < 0.01);
}

static void test_reservoir_is_fair(void **state UNUSED)
{
	enum { ITEMS = 320, ROUNDS = 2000 };
	struct page_random r = page_random_of(4);
	unsigned int taken[ITEMS] = { 0 };

	for (int round = 0; round < ROUNDS; round++) {
		struct page_reservoir s = { 0 };

		for (uint64_t i = 0; i < ITEMS; i++)
			page_reservoir_add(&s, &r, i);
		for (size_t i = 0; i < page_reservoir_n(&s); i++)
			taken[s.item[i]]++;
	}
	/* 200 each, with a standard deviation of 13. */
	for (size_t i = 0; i < ITEMS; i++)
		assert_in_range(taken[i], 140, 260);
}

static void test_errors_add(void **state UNUSED)
{
	struct page_estimate e = { 10, 9, 10, 0, 0 }, sum = { 0 };

	page_estimate_add(&sum, e);
	assert_true(sum.pages == 10 && fabs(sum.freedom - 10) < 1e-9);
	page_estimate_add(&sum, e);
	assert_true(sum.pages == 20 && sum.variance == 18 && fabs(sum.freedom - 20) < 1e-9);
	page_estimate_add(&sum, (struct page_estimate){ .pages = 5 });
	assert_true(sum.pages == 25 && sum.variance == 18 && fabs(sum.freedom - 20) < 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strata_cover),
		cmocka_unit_test(test_clusters_cover),
		cmocka_unit_test(test_group_covers),
		cmocka_unit_test(test_group_of_all_is_exact),
		cmocka_unit_test(test_group_wants_more),
		cmocka_unit_test(test_draw_takes_the_large_ones),
		cmocka_unit_test(test_nothing_seen_says_so),
		cmocka_unit_test(test_t),
		cmocka_unit_test(test_reservoir_is_fair),
		cmocka_unit_test(test_errors_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
