/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

#define BELOW "sys/devices/system/clocksource/clocksource0/"

static const struct key cost_keys[] = {
	{ "read_ns", CLOCK_COST_read_ns, 1 },
	{ "syscall_ns", CLOCK_COST_syscall_ns, 1 },
};

/*
 * Parse what host_clock_cost() gives. Pure.
 *
 * Shape:  "name value" lines; unknown names are skipped.
 * Errors: -EINVAL malformed or repeated line, -ENODATA no read_ns.
 */
int clock_cost_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	struct clock_cost row = { 0 };
	uint64_t seen = 0, value;

	while (cursor_line(&c, &line)) {
		struct span name;

		if (cursor_end(&line))
			continue;
		if (!cursor_word(&line, &name) || !cursor_u64(&line, &value) ||
			keys_put(cost_keys, ARRAY_SIZE(cost_keys), &seen, name, value, t->schema,
				&row) < 0)
			return -EINVAL;
	}
	if (!row_has(row.has, CLOCK_COST_read_ns))
		return -ENODATA;
	struct clock_cost *to = table_add(t);

	if (!to)
		return -ENOMEM;
	*to = row;
	return 0;
}

/* kernel/time/clocksource.c, current_clocksource_show() and available_clocksource_show(). */
static int read_names(struct probe *p, struct table *t)
{
	char text[512];
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

static int read_clock(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_clock), *cost = probe_table(p, TABLE_clock_cost);
	auto_strbuf text = { 0 };

	if (cost)
		probe_bytes(cost, "clock.cost", host_clock_cost(p->host, &text), &text,
			clock_cost_parse);
	return t ? read_names(p, t) : 0;
}

const struct source source_clock = {
	.name = "clock",
	.fills = { TABLE_clock, TABLE_clock_cost },
	.deadline_ns = 500000000,
	.read = read_clock,
};
