/* SPDX-License-Identifier: MIT */
/*
 * Does a series rise, steadily, or is it noise, a saw-tooth, a warm-up or a step? Pure.
 *
 * Mann-Kendall with ties (order alone: no distribution is assumed), its variance corrected for
 * autocorrelation after Hamed and Rao (1998) on the ranks of what is left when the trend is taken
 * away, and the slope of Theil and Sen. Least squares calls every warm-up and every step a trend.
 */
#ifndef MURPHY_ENGINE_TREND_H
#define MURPHY_ENGINE_TREND_H

#include "base/state.h"

#include <stddef.h>

/* All pairs of points are looked at, 45,000 of them at the most, in 360 KiB. */
enum { TREND_MIN = 12, TREND_MAX = 300 };

/* What rises has more: of z (by chance once in a thousand), of growth over the window. */
#define TREND_Z 3.09
#define TREND_GROWTH 0.02

/* Unknown samples are simply not there: the times tell. Times rise. */
struct trend_point {
	uint64_t at_ns;
	double value;
};

struct trend {
	size_t n;
	double z;           /* Mann-Kendall, corrected */
	double fit;         /* of the pairs that differ, how many rise; 0..1 */
	double slope_per_s; /* Theil-Sen */
	double slope_low_per_s, slope_high_per_s; /* between them with 95 % */
	double median;                            /* of the values */
	double growth_ratio;                      /* slope over the whole window / median */
	double first, last;  /* rise from the first to the second third, and on to the last */
	double late_ratio;   /* slope of the second half / of the first; 0: that does not rise */
	size_t levels;       /* different values */
	double stairs_ratio; /* squares that four plateaus leave / that a line does; medians of 5 */
	struct reading r5;   /* the last value / the one 5 intervals before it */
	struct reading doubling_s;
	uint64_t window_ns;
};

/* 0; -ENODATA: less than TREND_MIN points or no time; -E2BIG: more than TREND_MAX; -ENOMEM. */
int trend_of(const struct trend_point *p, size_t n, struct trend *ret_trend);

/*
 * It rises, and no healthy shape does so: more z and growth than chance has,
 * from third to third, on many levels (steps have few), its second half at 0.4 of the first's
 * pace at least: what warms up slows down (a cache that fills with the logarithm of time has
 * 0.3); and a line does not leave three times as much of it unexplained as three noisy steps do.
 */
bool trend_rises(const struct trend *t);

/* Seconds until it has grown by room; absent when it does not grow. */
struct reading trend_reaches_s(const struct trend *t, double room);

#endif
