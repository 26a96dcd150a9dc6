/* SPDX-License-Identifier: MIT */
#include "base/human.h"

#include "base/attr.h"

#include <stdio.h>

enum { EXACT_BELOW = 100000 };

struct step {
	double size; /* of one unit */
	const char *name;
};

/*
 * The largest unit of which there is at least one; one decimal below ten where it says something.
 */
static struct human pick(double value, const struct step *steps, size_t n)
{
	struct human h;
	size_t i = n - 1;

	if (!(value > 0)) {
		snprintf(h.s, sizeof(h.s), "0%s", steps[0].name);
		return h;
	}
	/* 0.9995: 1023.7 MiB reads better as 1 GiB. */
	while (i > 0 && value < steps[i].size * 0.9995)
		i--;
	double units = value / steps[i].size;
	double tenths = units * 10;
	int decimals = units < 9.95 && (long)(tenths + 0.5) % 10 != 0;

	snprintf(h.s, sizeof(h.s), "%.*f%s", decimals, units, steps[i].name);
	return h;
}

struct human human_bytes(double bytes)
{
	static const struct step steps[] = { { 1, " B" }, { 1024.0, " KiB" },
		{ 1024.0 * 1024, " MiB" }, { 1024.0 * 1024 * 1024, " GiB" },
		{ 1024.0 * 1024 * 1024 * 1024, " TiB" } };

	return pick(bytes, steps, ARRAY_SIZE(steps));
}

struct human human_ns(double ns)
{
	static const struct step steps[] = { { 1, " ns" }, { 1e3, " us" }, { 1e6, " ms" },
		{ 1e9, " s" }, { 60e9, " min" }, { 3600e9, " h" }, { 86400e9, " d" } };

	return pick(ns, steps, ARRAY_SIZE(steps));
}

struct human human_span(double ns)
{
	static const struct {
		uint64_t s;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	struct human h;
	size_t i = 0;

	if (!(ns >= 10e9) || ns > 1e18)
		return human_ns(ns);
	uint64_t s = (uint64_t)(ns / 1e9 + 0.5);

	while (s < units[i].s)
		i++;
	/* The lesser unit is rounded as well: 1 h 59 min 59 s is 2 h. */
	if (i < 2)
		s += units[i + 1].s / 2;
	while (i > 0 && s >= units[i - 1].s)
		i--;
	unsigned int large = (unsigned int)(s / units[i].s) % EXACT_BELOW;
	unsigned int small = i < 3 ? (unsigned int)(s % units[i].s / units[i + 1].s) % 60 : 0;

	if (small == 0)
		snprintf(h.s, sizeof(h.s), "%u %s", large, units[i].name);
	else
		snprintf(h.s, sizeof(h.s), "%u %s %u %s", large, units[i].name, small,
			units[i + 1].name);
	return h;
}

struct human human_count(double count)
{
	static const struct step steps[] = { { 1, "" }, { 1e3, " k" }, { 1e6, " M" },
		{ 1e9, " G" } };

	return pick(count, steps, ARRAY_SIZE(steps));
}

struct human human_number(double count)
{
	struct human h;

	if (!(count >= 0 && count < EXACT_BELOW) || (double)(unsigned int)count != count)
		return human_count(count);
	snprintf(h.s, sizeof(h.s), "%.0f", count);
	return h;
}

struct human human_ratio(double ratio)
{
	struct human h;
	double percent = ratio * 100;

	if (percent > 0 && percent < 0.05)
		snprintf(h.s, sizeof(h.s), "<0.1 %%");
	else
		snprintf(h.s, sizeof(h.s), "%.*f %%", percent > 0 && percent < 0.95, percent);
	return h;
}
