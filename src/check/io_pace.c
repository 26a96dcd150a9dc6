/* SPDX-License-Identifier: MIT */
#include "check/io_pace.h"

/* Fewer in a tenth of a second are uneven by counting alone. */
enum { SAMPLES_MAX = 32, STEP = 2, BIN_REQUESTS_MIN = 5 };
#define ROUND_RATIO 0.015

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

static double rate(uint64_t was, uint64_t now, uint64_t ns)
{
	return ns > 0 && now > was ? (double)(now - was) * 1e9 / (double)ns : 0;
}

static double distance(double a, double mean)
{
	double d = mean > 0 ? (a - mean) / mean : 0;

	return d < 0 ? -d : d;
}

static void measure(const struct series *s, struct io_pace *p)
{
	const struct disk_pace *first = s->row[0], *last = s->row[s->n - 1];
	uint64_t whole = last->at_ns - first->at_ns;

	p->requests_per_s = rate(first->requests, last->requests, whole);
	p->bytes_per_s = rate(first->bytes, last->bytes, whole);
	for (size_t i = 0; i + STEP < s->n; i += STEP) {
		const struct disk_pace *a = s->row[i], *b = s->row[i + STEP];
		uint64_t ns = b->at_ns - a->at_ns;
		double requests = distance(rate(a->requests, b->requests, ns), p->requests_per_s);
		double bytes = distance(rate(a->bytes, b->bytes, ns), p->bytes_per_s);

		if (requests > p->requests_spread)
			p->requests_spread = requests;
		if (bytes > p->bytes_spread)
			p->bytes_spread = bytes;
	}
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
	measure(&s, &p);
	p.even_requests = p.requests_spread <= IO_PACE_SPREAD_RATIO &&
			  as_before(p.requests_per_s, d->reads_per_s, d->writes_per_s);
	p.even_bytes = p.bytes_spread <= IO_PACE_SPREAD_RATIO &&
		       as_before(p.bytes_per_s, d->read_bytes_per_s, d->written_bytes_per_s);
	p.round = (p.even_requests && is_round(p.requests_per_s)) ||
		  (p.even_bytes && is_round(p.bytes_per_s / (1 << 20)));
	*ret_pace = p;
	return true;
}
