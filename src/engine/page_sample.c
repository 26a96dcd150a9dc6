/* SPDX-License-Identifier: MIT */
#include "engine/page_sample.h"

#include "base/attr.h"

#include <math.h>

/* Sebastiano Vigna's splitmix64: passes BigCrush, and any seed will do. */
uint64_t page_random_next(struct page_random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t page_random_below(struct page_random *r, uint64_t n)
{
	return (uint64_t)((unsigned __int128)page_random_next(r) * n >> 64);
}

/*
 * From 5 degrees of freedom on Fisher's expansion (Abramowitz and Stegun, 26.7.5), within 0.003.
 */
double page_t975(double freedom)
{
	static const double few[] = { 12.706, 12.706, 4.303, 3.182, 2.776 };
	const double z = 1.959964, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
	double v = freedom;

	if (v < 5)
		return few[v < 1 ? 0 : (size_t)v];
	return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v);
}

/* Welch and Satterthwaite: freedom of a sum of variances. */
void page_estimate_add(struct page_estimate *to, struct page_estimate more)
{
	double variance = to->variance + more.variance, squares = 0;

	if (to->freedom > 0)
		squares += to->variance * to->variance / to->freedom;
	if (more.freedom > 0)
		squares += more.variance * more.variance / more.freedom;
	to->freedom = squares > 0 ? variance * variance / squares : to->freedom + more.freedom;
	to->pages += more.pages;
	to->variance = variance;
	to->seen += more.seen;
	to->widen = hypot(to->widen, more.widen);
}

double page_estimate_error(struct page_estimate e)
{
	return page_t975(e.freedom) * sqrt(e.variance) + e.widen;
}

size_t page_reservoir_n(const struct page_reservoir *s)
{
	return s->seen < PAGE_RESERVOIR ? (size_t)s->seen : PAGE_RESERVOIR;
}

void page_reservoir_add(struct page_reservoir *s, struct page_random *r, uint64_t item)
{
	uint64_t at = s->seen < PAGE_RESERVOIR ? s->seen : page_random_below(r, s->seen + 1);

	if (at < PAGE_RESERVOIR)
		s->item[at] = item;
	s->seen++;
}

void page_strata_add(struct page_strata *s, bool hit, double value)
{
	s->n++;
	if (!hit)
		return;
	if (s->hits++ > 0) {
		s->last_step = (value - s->last) * (value - s->last);
		s->steps += s->last_step;
	}
	if (s->hits == 2)
		s->first_step = s->last_step;
	s->sum += value;
	s->squares += value * value;
	s->cubes += value * value * value;
	s->last = value;
	if (value > s->most)
		s->most = value;
}

/*
 * What n draws did not show may still be there, once in n: a page that is mapped by a third of
 * those that map the least shared one that was seen.
 */
static double unseen(const struct page_strata *s, double mean)
{
	double worst = 3 * s->most < 1 ? 3 * s->most : 1;

	return (worst - mean) / (double)s->hits;
}

struct page_estimate page_strata_total(const struct page_strata *s, double pages)
{
	double n = (double)s->hits;

	if (pages <= 0)
		return (struct page_estimate){ 0 };
	if (s->hits == 0)
		return (struct page_estimate){ .pages = pages / 2, .widen = pages / 2 };
	double mean = s->sum / n, left = pages > n ? 1 - n / pages : 0;

	if (s->hits == 1)
		return (struct page_estimate){ .pages = pages * mean,
			.widen = left * pages * (mean > 1 - mean ? mean : 1 - mean) };
	double spread = s->squares / n - mean * mean; /* of all values */
	double third = s->cubes / n - 3 * mean * s->squares / n + 2 * mean * mean * mean;
	/* Of neighbours: each has two, but for the first and the last. */
	double near = (s->steps + (s->first_step + s->last_step) / 2) / (2 * n);
	double miss = unseen(s, mean);
	double t = page_t975(n - 1);
	struct page_estimate e = { .pages = pages * mean, .freedom = n - 1 };

	e.variance = pages * pages * left * (near / n + miss * miss);
	/* P. Hall, On the removal of skewness by transformation, 1992: the side that is longer. */
	if (spread > 1e-18)
		e.widen = pages * left * fabs(third) / spread * (1 + 2 * t * t) / (6 * n);
	return e;
}

void page_clusters_add(struct page_clusters *c, double x, double y)
{
	c->n++;
	c->x += x;
	c->y += y;
	c->xx += x * x;
	c->xy += x * y;
	c->yy += y * y;
}

struct page_estimate page_clusters_total(const struct page_clusters *c, double all, double pages)
{
	double n = (double)c->n;

	if (pages <= 0)
		return (struct page_estimate){ 0 };
	if (c->x <= 0)
		return (struct page_estimate){ .pages = pages / 2, .widen = pages / 2 };
	double ratio = c->y / c->x, left = all > n ? 1 - n / all : 0;

	if (c->n < 2)
		return (struct page_estimate){ .pages = pages * ratio, .widen = left * pages };
	double residuals = (c->yy - 2 * ratio * c->xy + ratio * ratio * c->xx) / (n - 1);
	double mean_x = c->x / n, worst = ratio > 0.5 ? ratio : 1 - ratio;
	struct page_estimate e = { .pages = pages * ratio, .freedom = n - 1 };

	if (residuals < 0) /* rounding */
		residuals = 0;
	e.variance = pages * pages * left *
		     (residuals / n / (mean_x * mean_x) + (worst / 3 / n) * (worst / 3 / n));
	return e;
}

size_t page_group_draw(struct page_random *r, const double *likely, size_t all, size_t n,
	size_t *ret_picked, double *ret_stands)
{
	double sum = 0, before = 0;
	size_t got = 0;

	for (size_t i = 0; i < all; i++)
		sum += likely[i];
	if (sum <= 0 || n == 0)
		return 0;
	double step = sum / (double)n;
	double next = step * ((double)page_random_below(r, 1 << 30) / (1 << 30));

	for (size_t i = 0; i < all && got < n; i++) {
		before += likely[i];
		while (next < before && got < n) {
			ret_picked[got] = i;
			ret_stands[got++] = step / likely[i];
			next += step;
		}
	}
	for (; got > 0 && got < n; got++) { /* rounding */
		ret_picked[got] = ret_picked[got - 1];
		ret_stands[got] = ret_stands[got - 1];
	}
	return got;
}

/* Of each part, what a page of its size is worth; how much of the size none stands for. */
static double ratios(const struct page_member *m, size_t n, const double *sizes, double *ratio)
{
	double blind = 0;

	for (size_t part = 0; part < PAGE_PARTS; part++) {
		double size = 0, value = 0;

		for (size_t i = 0; i < n; i++) {
			size += m[i].stands * m[i].size[part];
			value += m[i].stands * m[i].value[part];
		}
		ratio[part] = size > 0 ? value / size : 0.5;
		if (size <= 0)
			blind += sizes[part];
	}
	return blind;
}

static struct page_estimate whole_total(const struct page_member *m, size_t n)
{
	struct page_estimate e = { 0 };

	for (size_t i = 0; i < n; i++) {
		for (size_t part = 0; part < PAGE_PARTS; part++)
			e.pages += m[i].value[part];
		e.variance += m[i].variance;
	}
	e.freedom = 64;
	return e;
}

struct page_estimate page_group_total(
	const struct page_member *m, size_t n, bool whole, const double sizes[PAGE_PARTS])
{
	struct page_estimate e = { 0 };
	double ratio[PAGE_PARTS], between = 0, fourth = 0, within = 0, draws = (double)n;

	if (whole)
		return whole_total(m, n);
	double blind = ratios(m, n, sizes, ratio);

	for (size_t part = 0; part < PAGE_PARTS; part++)
		e.pages += ratio[part] * sizes[part];
	e.widen = n < 2 && e.pages > blind / 2 ? e.pages : blind / 2;
	if (n < 2)
		return e;
	for (size_t i = 0; i < n; i++) {
		double off = 0;

		for (size_t part = 0; part < PAGE_PARTS; part++)
			off += m[i].value[part] - ratio[part] * m[i].size[part];
		off *= m[i].stands;
		between += off * off;
		fourth += off * off * off * off;
		within += m[i].variance * m[i].stands * m[i].stands;
	}
	/* One large member that was drawn ten times is not ten. */
	double apart = fourth > 0 ? 2 * between * between / fourth : draws;

	e.freedom = (apart < draws ? apart : draws) - 1;
	/* What is between the members has in it what is uncertain within them. */
	between *= draws / (draws - 1);
	e.seen = between;
	e.variance = between > within ? between : within;
	return e;
}

double page_kind_deviation(struct page_estimate e, size_t n)
{
	return sqrt(e.seen * (double)n);
}

size_t page_kind_enough(double deviation, double sum, double error)
{
	/* A fifth more: the deviation itself is an estimate. */
	double n = error > 0 ? 1.2 * deviation * sum / (error * error) : 0;

	return n < 1e9 ? (size_t)ceil(n) : (size_t)1e9;
}
