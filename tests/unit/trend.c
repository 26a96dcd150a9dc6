/* SPDX-License-Identifier: MIT */
/* Trends whose numbers are known, and shapes that must not be taken for one. */
#include "engine/trend.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <math.h>

enum { N = 60, TRIALS = 400 };

#define SECOND UINT64_C(1000000000)

static struct trend trend_at(const double *x, size_t n, uint64_t interval_ns)
{
	struct trend_point p[TREND_MAX];
	struct trend t;

	for (size_t i = 0; i < n; i++)
		p[i] = (struct trend_point){ i * interval_ns, x[i] };
	assert_int_equal(trend_of(p, n, &t), 0);
	return t;
}

static void assert_near(double is, double want)
{
	assert_true(fabs(is - want) < 1e-3 * fabs(want) + 1e-9);
}

/* By hand: S = 66, variance 12 x 11 x 29 / 18 = 212.67, z = 65 / 14.583. */
static void straight_line(void **state UNUSED)
{
	double x[12];

	for (size_t i = 0; i < 12; i++)
		x[i] = (double)(i + 1);
	struct trend t = trend_at(x, 12, 2 * SECOND);

	assert_near(t.z, 4.4573);
	assert_near(t.fit, 1);
	/* All slopes are the same: so is their interval. */
	assert_near(t.slope_low_per_s, 0.5);
	assert_near(t.slope_high_per_s, 0.5);
	assert_true(t.stairs_ratio > 1);
	assert_near(t.slope_per_s, 0.5);
	assert_near(t.median, 6.5);
	assert_near(t.growth_ratio, 11 / 6.5);
	assert_near(t.r5.value, 12.0 / 7);
	assert_near(t.doubling_s.value, 24);
	assert_near(trend_reaches_s(&t, 10).value, 20);
	assert_int_equal(t.levels, 12);
	assert_true(trend_rises(&t));
	for (size_t i = 0; i < 12; i++)
		x[i] = -x[i];
	t = trend_at(x, 12, SECOND);
	assert_near(t.z, -4.4573);
	assert_int_equal(trend_reaches_s(&t, 10).state, STATE_ABSENT);
	assert_false(trend_rises(&t));
}

/*
 * Six pairs of equals: S = 66 - 6, variance (3828 - 6 x 2 x 1 x 9) / 18 = 206.67, z = 59 / 14.376.
 */
static void ties(void **state UNUSED)
{
	double x[12], flat[12];

	for (size_t i = 0; i < 12; i++) {
		x[i] = (double)(i / 2);
		flat[i] = 7;
	}
	struct trend t = trend_at(x, 12, SECOND);

	assert_near(t.z, 4.1041);
	assert_near(t.fit, 1);
	assert_int_equal(t.levels, 6);
	t = trend_at(flat, 12, SECOND);
	assert_true(t.z == 0 && t.fit == 0 && t.slope_per_s == 0);
}

/* Theil and Sen do not mind: the median of slopes stays that of the eleven others. */
static void outlier(void **state UNUSED)
{
	double x[21];

	for (size_t i = 0; i < 21; i++)
		x[i] = (double)i + 100;
	x[7] = 5000;
	assert_near(trend_at(x, 21, SECOND).slope_per_s, 1);
}

/* 0, 1, 4, 9 ...: slopes from 1 to 21. */
static void interval(void **state UNUSED)
{
	double x[12];

	for (size_t i = 0; i < 12; i++)
		x[i] = (double)(i * i);
	struct trend t = trend_at(x, 12, SECOND);

	assert_true(t.slope_low_per_s < t.slope_per_s && t.slope_per_s < t.slope_high_per_s);
	assert_true(t.slope_low_per_s > 1 && t.slope_high_per_s < 21);
}

/* Noise is not what keeps steps from being a line. */
static void stairs(void **state UNUSED)
{
	double x[N];

	for (size_t i = 0; i < N; i++)
		x[i] = 1000 + 80 * (double)(i >= 22) + 80 * (double)(i >= 41) +
		       (double)(i * 7 % 11);
	struct trend t = trend_at(x, N, SECOND);

	assert_true(t.z > TREND_Z && t.growth_ratio > TREND_GROWTH && t.first > 0 && t.last > 0);
	assert_true(t.stairs_ratio < 0.1 && !trend_rises(&t));
}

static void gaps(void **state UNUSED)
{
	struct trend_point p[30];
	struct trend t;
	size_t n = 0;

	for (uint64_t i = 0; i < 40; i++) {
		if (i % 4 != 1)
			p[n++] = (struct trend_point){ i * SECOND, 100 + 3 * (double)i };
	}
	assert_int_equal(trend_of(p, n, &t), 0);
	assert_near(t.slope_per_s, 3);
	assert_true(trend_rises(&t));
	assert_int_equal(trend_of(p, TREND_MIN - 1, &t), -ENODATA);
	assert_int_equal(trend_of(p, TREND_MAX + 1, &t), -E2BIG);
	p[3].at_ns = p[2].at_ns;
	assert_int_equal(trend_of(p, n, &t), -ENODATA);
}

static double uniform(uint64_t *r)
{
	*r ^= *r << 13;
	*r ^= *r >> 7;
	*r ^= *r << 17;
	return (double)(*r >> 11) * 0x1p-53;
}

static double normal(uint64_t *r)
{
	double u = uniform(r) + 1e-300;

	return sqrt(-2 * log(u)) * cos(2 * M_PI * uniform(r));
}

enum shape {
	WHITE,
	AR,
	SAW,
	RESTART,
	CHURN,
	WARM,
	LOGARITHM,
	STEP,
	STAIRS,
	RECYCLED,
	STEPS,
	AR_STEPS,
	SHAPES
};

/* What chance decides of a series, once. */
struct luck {
	double period, phase, step, tau;
	double at[3], high[3]; /* three more steps */
};

static double steps(double t, const struct luck *l, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += t >= l->at[i] ? l->high[i] : 0;
	return sum;
}

static double next_value(enum shape k, double t, const struct luck *l, double *e, uint64_t *r)
{
	switch (k) {
	case WHITE:
		return 1000 + 10 * normal(r);
	case AR:
		*e = 0.8 * *e + 6 * normal(r);
		return 1000 + *e;
	case SAW:
		return 1000 + fmod(t + l->phase, l->period) * 60 / l->period + 2 * normal(r);
	case RESTART: /* a worker that loads something big, now and then */
		return 1000 + 5 * normal(r) + (uniform(r) < 0.05 ? 100 + 300 * uniform(r) : 0);
	case CHURN: /* processes come and go: memory of one, on average */
		*e += floor(uniform(r) * 7) - 3;
		return (5 * (200 + *e) + 3 * normal(r)) / (200 + *e) * 200;
	case WARM:
		return 1000 + 200 * (1 - exp(-t / l->tau)) + 3 * normal(r);
	case LOGARITHM:
		return 1000 + 100 * log(1 + t) + 3 * normal(r);
	case STEP:
		return 1000 + 80 * (t >= l->step) + 5 * normal(r);
	case STAIRS: /* three, without noise */
		return 1000 + 100 * floor(t / 20);
	case STEPS: /* up to three, of one to ten times the noise */
		return 1000 + steps(t, l, 3) + 10 * normal(r);
	case AR_STEPS:
		*e = 0.8 * *e + 6 * normal(r);
		return 1000 + *e + steps(t, l, 2);
	default: /* ended, started again and warming up */
		return t < l->step ? 1000 + 3 * normal(r)
				   : 700 - 300 * exp(-(t - l->step) / 6) + 3 * normal(r);
	}
}

/* How many of TRIALS rise. leak: per sample, of 1000. */
static int alarms(enum shape k, double leak)
{
	uint64_t r = 88172645463325252u + k;
	int n = 0;

	for (int trial = 0; trial < TRIALS; trial++) {
		struct luck l = { .period = 7 + floor(uniform(&r) * 23) };
		double x[N], e = 0;

		l.phase = floor(uniform(&r) * l.period);
		l.step = 5 + floor(uniform(&r) * 50);
		l.tau = 6 + 14 * uniform(&r);
		for (size_t i = 0; i < ARRAY_SIZE(l.at); i++) {
			l.at[i] = 5 + floor(uniform(&r) * 50);
			l.high[i] = 10 + 90 * uniform(&r);
		}
		for (int t = 0; t < N; t++)
			x[t] = next_value(k, t, &l, &e, &r) + leak * t;
		struct trend trend = trend_at(x, N, SECOND / 2);

		n += trend_rises(&trend);
	}
	return n;
}

static void healthy_shapes(void **state UNUSED)
{
	for (enum shape k = 0; k < SHAPES; k++) {
		int n = alarms(k, 0);

		if (n > TRIALS * 2 / 100)
			fail_msg("shape %d: %d of %d healthy series rise", (int)k, n, TRIALS);
	}
}

/* 0.1 % a sample, upon what a process at work does; of AR(0.8) as strong as the leak 70 %. */
static void leaks(void **state UNUSED)
{
	static const enum shape among[] = { WHITE, SAW, RESTART, CHURN };

	for (size_t i = 0; i < ARRAY_SIZE(among); i++) {
		int n = alarms(among[i], 1);

		if (n < TRIALS * 96 / 100)
			fail_msg("shape %d: %d of %d leaks found", (int)among[i], n, TRIALS);
	}
	assert_true(alarms(AR, 1) >= TRIALS * 60 / 100);
	assert_true(alarms(AR, 2) >= TRIALS * 96 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight_line),
		cmocka_unit_test(ties),
		cmocka_unit_test(outlier),
		cmocka_unit_test(interval),
		cmocka_unit_test(stairs),
		cmocka_unit_test(gaps),
		cmocka_unit_test(healthy_shapes),
		cmocka_unit_test(leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
