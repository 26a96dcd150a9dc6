/* SPDX-License-Identifier: MIT */
#include "check/io_pace.h"

/* Fewer requests in a tenth of a second are uneven by counting alone. */
enum { SAMPLES_MAX = 192, BINS_MAX = 16, BINS_MIN = 4, BIN_REQUESTS_MIN = 5 };
#define BIN_NS UINT64_C(90000000)
#define ROUND_RATIO 0.015

/* More samples without a request in flight: then nobody was held back. */
#define IDLE_SAMPLES_RATIO 0.02

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

/* The rate, and the largest distance from it. */
static void measure(const struct bins *b, double *ret_rate, double *ret_spread)
{
	double done = 0, s = 0;

	for (size_t i = 0; i < b->n; i++) {
		done += b->done[i];
		s += b->s[i];
	}
	*ret_rate = s > 0 ? done / s : 0;
	*ret_spread = 0;
	for (size_t i = 0; i < b->n; i++) {
		double d = distance(b->done[i] / b->s[i], *ret_rate);

		*ret_spread = d > *ret_spread ? d : *ret_spread;
	}
}

/* Counters of a device that was replaced start anew. */
static double done(uint64_t was, uint64_t now)
{
	return now > was ? (double)(now - was) : 0;
}

/*
 * Where tenths of a second begin: a sample after which the device did something. A throttle that
 * lets through what it may in a burst each 100 ms would else have 0, 1 or 2 of them in a bin.
 */
static size_t find_edges(const struct series *s, size_t edge[BINS_MAX + 1])
{
	size_t n = 0;
	uint64_t due = 0;

	for (size_t i = 0; i + 1 < s->n && n <= BINS_MAX; i++) {
		if (s->row[i]->at_ns < due || s->row[i]->requests == s->row[i + 1]->requests)
			continue;
		edge[n++] = i;
		due = s->row[i]->at_ns + BIN_NS;
	}
	return n;
}

/* False: too few to tell. */
static bool measure_both(const struct series *s, struct io_pace *p)
{
	struct bins requests = { .n = 0 }, bytes = { .n = 0 };
	size_t edge[BINS_MAX + 1], n = find_edges(s, edge);
	double all = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		const struct disk_pace *a = s->row[edge[i]], *b = s->row[edge[i + 1]];
		double seconds = (double)(b->at_ns - a->at_ns) / 1e9;

		requests.done[requests.n] = done(a->requests, b->requests);
		all += requests.done[requests.n];
		requests.s[requests.n++] = seconds;
		bytes.done[bytes.n] = done(a->bytes, b->bytes);
		bytes.s[bytes.n++] = seconds;
	}
	measure(&requests, &p->requests_per_s, &p->requests_spread);
	measure(&bytes, &p->bytes_per_s, &p->bytes_spread);
	return requests.n >= BINS_MIN && all >= BIN_REQUESTS_MIN * (double)requests.n;
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
	size_t idle = 0;

	for (size_t i = 0; i < s.n; i++)
		idle += s.row[i]->in_flight == 0;
	if ((double)idle > IDLE_SAMPLES_RATIO * (double)s.n || !measure_both(&s, &p))
		return false;
	p.even_requests = p.requests_spread <= IO_PACE_SPREAD_RATIO &&
			  as_before(p.requests_per_s, d->reads_per_s, d->writes_per_s);
	p.even_bytes = p.bytes_spread <= IO_PACE_SPREAD_RATIO &&
		       as_before(p.bytes_per_s, d->read_bytes_per_s, d->written_bytes_per_s);
	p.round = (p.even_requests && is_round(p.requests_per_s)) ||
		  (p.even_bytes && is_round(p.bytes_per_s / (1 << 20)));
	*ret_pace = p;
	return true;
}
