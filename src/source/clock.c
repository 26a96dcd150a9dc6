/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include <errno.h>
#include <string.h>

#define BELOW "sys/devices/system/clocksource/clocksource0/"

/* kernel/time/clocksource.c, current_clocksource_show() and available_clocksource_show(). */
static int read_clock(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_clock);
	char text[512];

	if (!t)
		return 0;
	int n = probe_line(p, BELOW "current_clocksource", text, sizeof(text));

	if (n < 0) {
		table_fail(t, state_of_errno(n), "/" BELOW "current_clocksource: %s", strerror(-n));
		return 0;
	}
	struct clock *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, CLOCK_current, table_intern(t, text, (size_t)n));
	n = probe_line(p, BELOW "available_clocksource", text, sizeof(text));
	if (n >= 0)
		row_put(t->schema, row, CLOCK_available, table_intern(t, text, (size_t)n));
	else
		t->cell[CLOCK_available] = (uint8_t)state_of_errno(n);
	t->state = STATE_OK;
	return 0;
}

const struct source source_clock = {
	.name = "clock",
	.fills = { TABLE_clock },
	.deadline_ns = 500000000,
	.read = read_clock,
};
