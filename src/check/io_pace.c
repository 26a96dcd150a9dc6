/* SPDX-License-Identifier: MIT */
#include "check/io_pace.h"

/* Fewer in a tenth of a second are uneven by counting alone. */
enum { SAMPLES_MAX = 32, STEP = 2, BINS_MAX = SAMPLES_MAX / STEP, BIN_REQUESTS_MIN = 5 };
#define ROUND_RATIO 0.015

/*
 * No disk's unevenness but a machine that stood still, and what it catches up: once, in so many
 * neighbours, of which one is so far from the others. So many others are needed.
 */
#define GROSS_RATIO 0.5
enum { GROSS_BINS_MAX = 2, EVEN_BINS_MIN = 4 };

struct series {
	const struct disk_pace *row[SAMPLES_MAX];
	size_t n;
};

static struct series series_of(const struct model *m, uint64_t dev)
{
	const struct table *t = frame_table(m->now, TABLE_disk_pace);
	struct series s = { .n = 0 };

	if (!table_usable(t))
		return s;
	for (table_each(const struct disk_pace, p, t)) {
		if (p->dev == dev && s.n < SAMPLES_MAX)
			s.row[s.n++] = p;
	}
	return s;
}

static double distance(double a, double mean)
{
	double d = mean > 0 ? (a - mean) / mean : 0;

	return d < 0 ? -d : d;
}

struct bins {
	double done[BINS_MAX], s[BINS_MAX]; /* how much, in how many seconds */
	size_t n;
};

/* The rate of the bins but those from skip to end - 1. */
static double rate_without(const struct bins *b, size_t skip, size_t end)
{
	double done = 0, s = 0;

	for (size_t i = 0; i < b->n; i++) {
		bool in = i < skip || i >= end;

		done += in ? b->done[i] : 0;
		s += in ? b->s[i] : 0;
	}
	return s > 0 ? done / s : 0;
}

/* The largest distance from mean of the bins from at to end - 1. */
static double spread_of(const struct bins *b, size_t at, size_t end, double mean)
{
	double most = 0;

	for (size_t i = at; i < end; i++) {
		double d = b->s[i] > 0 ? distance(b->done[i] / b->s[i], mean) : 0;

		most = d > most ? d : most;
	}
	return most;
}

/* The rate, and the largest distance from it. */
static void measure(const struct bins *b, double *ret_rate, double *ret_spread)
{
	*ret_rate = rate_without(b, 0, 0);
	*ret_spread = spread_of(b, 0, b->n, *ret_rate);
	for (size_t len = 1; len <= GROSS_BINS_MAX && b->n >= len + EVEN_BINS_MIN; len++) {
		for (size_t i = 0; i + len <= b->n; i++) {
			double mean = rate_without(b, i, i + len);
			double before = spread_of(b, 0, i, mean);
			double after = spread_of(b, i + len, b->n, mean);
			double spread = before > after ? before : after;

			if (spread < *ret_spread && spread_of(b, i, i + len, mean) >= GROSS_RATIO) {
				*ret_rate = mean;
				*ret_spread = spread;
			}
		}
	}
}

/* Counters of a device that was replaced start anew. */
static double done(uint64_t was, uint64_t now)
{
	return now > was ? (double)(now - was) : 0;
}

static void measure_both(const struct series *s, struct io_pace *p)
{
	struct bins requests = { .n = 0 }, bytes = { .n = 0 };

	for (size_t i = 0; i + STEP < s->n; i += STEP) {
		const struct disk_pace *a = s->row[i], *b = s->row[i + STEP];
		double seconds = (double)(b->at_ns - a->at_ns) / 1e9;

		requests.done[requests.n] = done(a->requests, b->requests);
		requests.s[requests.n++] = seconds;
		bytes.done[bytes.n] = done(a->bytes, b->bytes);
		bytes.s[bytes.n++] = seconds;
	}
	measure(&requests, &p->requests_per_s, &p->requests_spread);
	measure(&bytes, &p->bytes_per_s, &p->bytes_spread);
}

/* 1, 1.25, 1.5, 2... times a power of ten. */
static bool is_round(double value)
{
	static const double digits[] = { 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8, 10 };

	if (value < 1)
		return false;
	while (value >= 10)
		value /= 10;
	for (size_t i = 0; i < ARRAY_SIZE(digits); i++) {
		if (distance(value, digits[i]) <= ROUND_RATIO)
			return true;
	}
	return false;
}

static bool as_before(double now, struct reading a, struct reading b)
{
	return reading_ok(a) && reading_ok(b) &&
	       distance(now, a.value + b.value) <= IO_PACE_SPREAD_RATIO;
}

bool io_pace_of(const struct model *m, const struct disk_load *d, struct io_pace *ret_pace)
{
	struct series s = series_of(m, d->row->dev);
	struct io_pace p = { 0 };

	if (s.n < 2 * STEP + 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.row[i]->in_flight == 0)
			return false;
	}
	uint64_t requests = s.row[s.n - 1]->requests - s.row[0]->requests;

	if (requests < BIN_REQUESTS_MIN * ((s.n - 1) / STEP))
		return false;
	measure_both(&s, &p);
	p.even_requests = p.requests_spread <= IO_PACE_SPREAD_RATIO &&
			  as_before(p.requests_per_s, d->reads_per_s, d->writes_per_s);
	p.even_bytes = p.bytes_spread <= IO_PACE_SPREAD_RATIO &&
		       as_before(p.bytes_per_s, d->read_bytes_per_s, d->written_bytes_per_s);
	p.round = (p.even_requests && is_round(p.requests_per_s)) ||
		  (p.even_bytes && is_round(p.bytes_per_s / (1 << 20)));
	*ret_pace = p;
	return true;
}
