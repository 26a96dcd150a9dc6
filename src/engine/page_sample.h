/* SPDX-License-Identifier: MIT */
/*
 * Estimates from samples of pages, and how far off they may be. Pure; values are in pages, so a
 * page that is mapped m times is worth 1/m.
 *
 * Intervals are of 95 % and meant to hold: 1/m is skewed (most pages of a library are mapped by
 * hundreds, the few that one process alone maps hold most of the sum), and a sample may show none
 * of what matters. So half widths have Student's quantile, a term for skewness, and one for what
 * was not seen. tests/unit/page_sample.c counts how often they hold.
 */
#ifndef MURPHY_ENGINE_PAGE_SAMPLE_H
#define MURPHY_ENGINE_PAGE_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A generator of its own for everybody who samples: the same seed, the same sample. */
struct page_random {
	uint64_t state;
};

static inline struct page_random page_random_of(uint64_t seed)
{
	return (struct page_random){ seed };
}

uint64_t page_random_next(struct page_random *r);

/* 0 to n - 1; 0 when n is 0. */
uint64_t page_random_below(struct page_random *r, uint64_t n);

/* A total with its uncertainty. Totals of independent samples add up: page_estimate_add(). */
struct page_estimate {
	double pages;
	double variance;
	double freedom; /* degrees of freedom of variance; 0: there is none to speak of */
	double widen;   /* what skewness adds to the half width */
	double seen;    /* of a group: variance without what the samples may have missed */
};

void page_estimate_add(struct page_estimate *to, struct page_estimate more);

/* Half width of the 95 % interval; 0: exact. */
double page_estimate_error(struct page_estimate e);

/* Quantile 0.975 of Student's t. */
double page_t975(double freedom);

/* A few of very many items, each as likely as any other. */
enum { PAGE_RESERVOIR = 32 };
struct page_reservoir {
	uint64_t seen;
	uint64_t item[PAGE_RESERVOIR];
};

void page_reservoir_add(struct page_reservoir *s, struct page_random *r, uint64_t item);
size_t page_reservoir_n(const struct page_reservoir *s);

/*
 * Pages that were drawn in the order of their addresses, one of each of n equal parts. hit: the
 * page is there at all. How many there are in all is known from elsewhere, so what is estimated is
 * the mean of those that were hit. Neighbours resemble each other, so the variance is taken from
 * differences between neighbours (J. Wolter, Introduction to Variance Estimation, chapter 8): a
 * mapping of which one half is shared by twice as many is then no less exact than a uniform one.
 */
struct page_strata {
	size_t n, hits;
	double sum, squares, cubes; /* of the values of hits */
	double steps;               /* squared differences of hits to the hit before */
	double first_step, last_step;
	double last, most;
};

void page_strata_add(struct page_strata *s, bool hit, double value);

/* of pages are there in all. Of no hit it knows nothing: between 0 and all of them. */
struct page_estimate page_strata_total(const struct page_strata *s, double pages);

/*
 * Clusters of pages: x of them are there, worth y. The ratio estimator; of clusters that were drawn
 * from all of them, which have pages in all.
 */
struct page_clusters {
	size_t n;
	double x, y, xx, xy, yy;
};

void page_clusters_add(struct page_clusters *c, double x, double y);
struct page_estimate page_clusters_total(const struct page_clusters *c, double all, double pages);

/*
 * Some members of a group stand for all. What status tells of every member (sizes) carries over
 * what was measured of some (values), each part with a ratio of its own.
 *
 * Who is measured is drawn by size, so that one large process among hundreds of small ones is not
 * missed; one that is drawn twice counts twice (Hansen and Hurwitz; systematic, so the members'
 * order is a stratification).
 */
enum { PAGE_PARTS = 3 }; /* anonymous, files, shared memory */
struct page_member {
	double size[PAGE_PARTS];
	double value[PAGE_PARTS];
	double variance; /* of the sum of its values */
	double stands;   /* for so many members: page_group_draw() */
};

/*
 * Draw n of all members, each as often as its likely part of the sum says: numbers of members into
 * ret_picked, how many each stands for into ret_stands. Parts without any weight are never drawn.
 * 0 when all weights are 0, else n.
 */
size_t page_group_draw(struct page_random *r, const double *likely, size_t all, size_t n,
	size_t *ret_picked, double *ret_stands);

/*
 * The sum of all members' values, whose sizes add up to sizes: from n draws, with what each stands
 * for divided by the number of rounds when page_group_draw() was called several times; or, when
 * whole, from each member once. A part of which none was measured while others have some is taken
 * for half of it, give or take that half.
 */
struct page_estimate page_group_total(
	const struct page_member *m, size_t n, bool whole, const double sizes[PAGE_PARTS]);

/*
 * Of a group of several kinds of members: how far apart those of one kind are, after n draws of it;
 * and how many draws of it would be enough, together with those of the other kinds, for a standard
 * error (pages) of the group's sum: each in proportion to its deviation (J. Neyman, 1934), sum that
 * of all kinds. That goes by what was seen: what was not is for the interval.
 */
double page_kind_deviation(struct page_estimate e, size_t n);
size_t page_kind_enough(double deviation, double sum, double error);

#endif
