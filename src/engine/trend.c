/* SPDX-License-Identifier: MIT */
#include "engine/trend.h"

#include "base/attr.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define LATE_RISES 0.4
#define LEVELS_RISE 8
#define STAIRS_RISE 0.3
enum {
	STAIRS = 4,      /* plateaus */
	STAIR_LEAST = 3, /* points of each */
	AROUND = 2,      /* points before and after, of which the median is taken */
};
/*
 * Autocorrelation counts beyond this many standard errors (5 %, two-sided), as Hamed and Rao have
 * it.
 */
#define ACF_Z 1.96
#define INTERVAL_Z 1.96 /* 95 % */
#define LAGS 3          /* up to a third of the window: beyond it few pairs are left */
/* Below this share of the largest value a difference is the arithmetic's own. */
#define EQUAL 1e-9

struct ranked {
	double value;
	size_t at;
};

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int compare_ranked(const void *a, const void *b)
{
	return compare_double(a, b);
}

/* Sorts v. */
static double median_of(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare_double);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double median_part(const struct trend_point *p, size_t from, size_t to)
{
	double v[TREND_MAX] = { 0 };

	for (size_t i = from; i < to; i++)
		v[i - from] = p[i].value;
	return median_of(v, to - from);
}

static double seconds(const struct trend_point *p, size_t from, size_t to)
{
	return (double)(p[to].at_ns - p[from].at_ns) / 1e9;
}

/* Theil and Sen: the median of the slopes of all pairs. room: n (n - 1) / 2 numbers. */
static double slope_of(const struct trend_point *p, size_t n, double *room)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++)
			room[k++] = (p[j].value - p[i].value) / seconds(p, i, j);
	}
	return median_of(room, k);
}

/*
 * Mid-ranks of v into rank, minus their mean; ties by EQUAL of scale. Sum of t (t-1) (2t+5), and
 * how many different values there are.
 */
static double rank_all(const double *v, size_t n, double scale, double *rank, size_t *ret_levels)
{
	struct ranked r[TREND_MAX] = { 0 };
	double ties = 0;
	size_t levels = 0;

	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){ v[i], i };
	qsort(r, n, sizeof(*r), compare_ranked);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && r[end].value - r[i].value <= EQUAL * scale; end++)
			;
		double t = (double)(end - i);

		ties += t * (t - 1) * (2 * t + 5);
		for (size_t k = i; k < end; k++)
			rank[r[k].at] = (double)(i + end - 1) / 2 - (double)(n - 1) / 2;
		levels++;
	}
	*ret_levels = levels;
	return ties;
}

/*
 * By how much autocorrelation makes the variance of S larger: 1 + 2 / (n (n-1) (n-2)) times the sum
 * of (n-k) (n-k-1) (n-k-2) rho(k). Never smaller: a saw-tooth's negative one must not help it.
 */
static double inflation(const double *rank, size_t n)
{
	double all = 0, sum = 0, m = (double)n;

	for (size_t i = 0; i < n; i++)
		all += rank[i] * rank[i];
	for (size_t k = 1; all > 0 && k < n / LAGS; k++) {
		double rho = 0, left = (double)(n - k);

		for (size_t i = 0; i + k < n; i++)
			rho += rank[i] * rank[i + k];
		rho /= all;
		if (fabs(rho) > ACF_Z / sqrt(m))
			sum += left * (left - 1) * (left - 2) * rho;
	}
	return fmax(1, 1 + 2 / (m * (m - 1) * (m - 2)) * sum);
}

/* What p is without what lasts for two points only: the median of each five, less middle. */
static void smooth(const struct trend_point *p, size_t n, double middle, double *ret)
{
	for (size_t i = 0; i < n; i++) {
		size_t from = i > AROUND ? i - AROUND : 0;
		size_t to = i + AROUND < n ? i + AROUND + 1 : n;

		ret[i] = median_part(p, from, to) - middle;
	}
}

/* Sums of v, and of its squares, before each place. */
struct sums {
	double v[TREND_MAX + 1], square[TREND_MAX + 1];
};

/* What is left of the squares from i to k when their mean is taken away. */
static double around_mean(const struct sums *s, size_t i, size_t k)
{
	double v = s->v[k] - s->v[i];

	return s->square[k] - s->square[i] - v * v / (double)(k - i);
}

/* The least that a staircase of STAIRS plateaus leaves of the squares of n >= TREND_MIN points. */
static double around_stairs(const struct sums *s, size_t n)
{
	double least[2][TREND_MAX + 1];

	for (size_t k = 0; k <= n; k++)
		least[0][k] = k < STAIR_LEAST ? INFINITY : around_mean(s, 0, k);
	for (size_t stair = 1; stair < STAIRS; stair++) {
		const double *below = least[(stair - 1) % 2];

		for (size_t k = 0; k <= n; k++) {
			double *here = &least[stair % 2][k];

			*here = INFINITY;
			for (size_t i = STAIR_LEAST; i + STAIR_LEAST <= k; i++)
				*here = fmin(*here, below[i] + around_mean(s, i, k));
		}
	}
	return least[(STAIRS - 1) % 2][n];
}

/* What the best straight line leaves of them. */
static double around_line(const double *v, const struct sums *s, size_t n)
{
	double m = (double)n, along = 0, spread = m * (m * m - 1) / 12;

	for (size_t i = 0; i < n; i++)
		along += ((double)i - (m - 1) / 2) * v[i];
	return around_mean(s, 0, n) - along * along / spread;
}

/* What a staircase leaves of p, for what a line does. */
static double stairs_of(const struct trend_point *p, size_t n, double middle)
{
	struct sums s = { 0 };
	double v[TREND_MAX];

	smooth(p, n, middle, v);
	for (size_t i = 0; i < n; i++) {
		s.v[i + 1] = s.v[i] + v[i];
		s.square[i + 1] = s.square[i] + v[i] * v[i];
	}
	double line = around_line(v, &s, n), stairs = around_stairs(&s, n);

	/* Below EQUAL it is the arithmetic's own: a line without noise. */
	return line > EQUAL * s.square[n]     ? stairs / line
	       : stairs > EQUAL * s.square[n] ? INFINITY
					      : 0;
}

/* z and fit of t, whose slope is known. The standard error of S. */
static double rank_trend(const struct trend_point *p, size_t n, struct trend *t)
{
	double value[TREND_MAX] = { 0 }, rest[TREND_MAX] = { 0 }, rank[TREND_MAX], scale = 0;
	double up = 0, down = 0, m = (double)n;
	size_t unused;

	for (size_t i = 0; i < n; i++) {
		value[i] = p[i].value;
		rest[i] = p[i].value - t->slope_per_s * seconds(p, 0, i);
		scale = fmax(scale, fabs(p[i].value));
		for (size_t j = 0; j < i; j++) {
			up += p[i].value > p[j].value;
			down += p[i].value < p[j].value;
		}
	}
	double ties = rank_all(value, n, 0, rank, &t->levels);
	double variance = (m * (m - 1) * (2 * m + 5) - ties) / 18;

	rank_all(rest, n, scale, rank, &unused);
	variance *= inflation(rank, n);
	double s = up - down;

	t->fit = up + down > 0 ? up / (up + down) : 0;
	if (s != 0 && variance > 0)
		t->z = (s - (s > 0 ? 1 : -1)) / sqrt(variance);
	return sqrt(variance);
}

/* Sen's interval: of the k sorted slopes those as far from the middle as S may be by chance. */
static void slope_interval(const double *slope, size_t k, double s_error, struct trend *t)
{
	double off = INTERVAL_Z * s_error, last = (double)k - 1;

	t->slope_low_per_s = slope[(size_t)fmax(0, (last - off) / 2)];
	t->slope_high_per_s = slope[(size_t)fmin(last, ceil((last + off) / 2))];
}

/* The last value over the one five intervals of the usual length before it, where that is known. */
static struct reading growth_of_five(const struct trend_point *p, size_t n)
{
	double interval = seconds(p, 0, n - 1) / (double)(n - 1);

	for (size_t i = n - 1; i-- > 0;) {
		double back = seconds(p, i, n - 1) / interval;

		if (back > 4.5)
			return back < 5.5 && p[i].value > 0
				       ? reading_of(p[n - 1].value / p[i].value)
				       : reading_none(STATE_ABSENT);
	}
	return reading_none(STATE_ABSENT);
}

int trend_of(const struct trend_point *p, size_t n, struct trend *ret_trend)
{
	if (n > TREND_MAX)
		return -E2BIG;
	if (n < TREND_MIN)
		return -ENODATA;
	for (size_t i = 1; i < n; i++) {
		if (p[i].at_ns <= p[i - 1].at_ns)
			return -ENODATA;
	}
	auto_free double *room = mem_new(n * (n - 1) / 2, sizeof(*room));

	if (!room)
		return -ENOMEM;
	struct trend t = { .n = n, .window_ns = p[n - 1].at_ns - p[0].at_ns };
	size_t third = n / 3;
	double middle = median_part(p, third, n - third);

	t.median = median_part(p, 0, n);
	t.slope_per_s = slope_of(p, n, room);
	slope_interval(room, n * (n - 1) / 2, rank_trend(p, n, &t), &t);
	t.first = middle - median_part(p, 0, third);
	t.last = median_part(p, n - third, n) - middle;
	if (t.slope_per_s > 0)
		t.doubling_s = reading_of(p[n - 1].value / t.slope_per_s);
	double early = slope_of(p, n / 2, room);

	if (early > 0)
		t.late_ratio = slope_of(p + n / 2, n - n / 2, room) / early;
	if (t.median > 0)
		t.growth_ratio = t.slope_per_s * seconds(p, 0, n - 1) / t.median;
	t.stairs_ratio = stairs_of(p, n, t.median);
	t.r5 = growth_of_five(p, n);
	*ret_trend = t;
	return 0;
}

bool trend_rises(const struct trend *t)
{
	return t->z > TREND_Z && t->growth_ratio > TREND_GROWTH && t->first > 0 && t->last > 0 &&
	       t->late_ratio >= LATE_RISES && t->levels >= LEVELS_RISE &&
	       t->stairs_ratio >= STAIRS_RISE;
}

struct reading trend_reaches_s(const struct trend *t, double room)
{
	if (t->slope_per_s <= 0)
		return reading_none(STATE_ABSENT);
	return reading_of(room > 0 ? room / t->slope_per_s : 0);
}
