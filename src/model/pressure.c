/* SPDX-License-Identifier: MIT */
#include "model/pressure.h"

#include <string.h>

/* Stalled nanoseconds per second, as a share. Clocks of two files differ a little: never over 1. */
static struct reading share_of(const struct model *m, const struct pressure *p, unsigned int column)
{
	struct reading rate = model_rate(m, TABLE_pressure, p, column);

	if (!reading_ok(rate))
		return rate;
	return reading_of(rate.value > 1e9 ? 1 : rate.value / 1e9);
}

static int step(void *self, const struct model *m, struct arena *a UNUSED)
{
	struct pressure_model *pm = self;
	const struct table *t = frame_table(m->now, TABLE_pressure);

	*pm = (struct pressure_model){ 0 };
	if (!t)
		return 0;
	pm->state = t->state;
	if (!table_usable(t))
		return 0;
	for (table_each(const struct pressure, p, t)) {
		const char *name = table_text(t, p->resource);
		struct stall s = {
			.some = share_of(m, p, PRESSURE_some_total_ns),
			.full = share_of(m, p, PRESSURE_full_total_ns),
			.some_10s = table_cell(t, p, PRESSURE_some_10s_ratio),
			.full_10s = table_cell(t, p, PRESSURE_full_10s_ratio),
			.some_60s = table_cell(t, p, PRESSURE_some_60s_ratio),
		};

		s.some_now = reading_ok(s.some) ? s.some : s.some_10s;
		if (strcmp(name, "cpu") == 0)
			pm->cpu = s;
		else if (strcmp(name, "memory") == 0)
			pm->memory = s;
		else if (strcmp(name, "io") == 0)
			pm->io = s;
	}
	return 0;
}

const struct model_row model_pressure = {
	.name = "pressure",
	.needs = { { .table = TABLE_pressure, .rate = true, .optional = true } },
	.size = sizeof(struct pressure_model),
	.step = step,
};
