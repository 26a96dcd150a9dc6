/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>

static const struct {
	const char *name;
	unsigned int column;
} values[] = {
	{ "state", TIMEKEEPING_state },
	{ "status", TIMEKEEPING_status },
	{ "offset_ns", TIMEKEEPING_offset_ns },
	{ "frequency_ppb", TIMEKEEPING_frequency_ppb },
	{ "tick_ns", TIMEKEEPING_tick_ns },
	{ "max_error_ns", TIMEKEEPING_max_error_ns },
	{ "est_error_ns", TIMEKEEPING_est_error_ns },
	{ "walltime_ns", TIMEKEEPING_walltime_ns },
	{ "boottime_ns", TIMEKEEPING_boottime_ns },
};

static int parse_value(struct cursor *line, const struct schema *schema, struct timekeeping *row)
{
	struct span name;
	int64_t value;

	if (!cursor_word(line, &name))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		unsigned int column = values[i].column;
		bool negative =
			column == TIMEKEEPING_offset_ns || column == TIMEKEEPING_frequency_ppb;

		if (!span_eq(name, values[i].name))
			continue;
		if (row_has(row->has, column) || !cursor_s64(line, &value) || !cursor_end(line) ||
			(value < 0 && !negative))
			return -EINVAL;
		row_put(schema, row, column, (uint64_t)value);
	}
	return 0;
}

/*
 * Parse what host_timex() gives. Pure: the fuzzer calls it directly.
 *
 * Shape:  "name value" lines; unknown names are skipped.
 * Errors: -EINVAL malformed or repeated line, -ENODATA no state or status.
 * Source: kernel/time/ntp.c, __do_adjtimex().
 */
int timekeeping_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	struct timekeeping row = { 0 };

	while (cursor_line(&c, &line)) {
		if (!cursor_end(&line) && parse_value(&line, t->schema, &row) < 0)
			return -EINVAL;
	}
	if (!row_has(row.has, TIMEKEEPING_state) || !row_has(row.has, TIMEKEEPING_status))
		return -ENODATA;
	struct timekeeping *to = table_add(t);

	if (!to)
		return -ENOMEM;
	*to = row;
	return 0;
}

static int read_timekeeping(struct probe *p)
{
	auto_strbuf text = { 0 };

	if (probe_table(p, TABLE_timekeeping))
		probe_bytes(probe_table(p, TABLE_timekeeping), "timex", host_timex(p->host, &text),
			&text, timekeeping_parse);
	return 0;
}

const struct source source_timekeeping = {
	.name = "timekeeping",
	.fills = { TABLE_timekeeping },
	.deadline_ns = 500000000,
	.denied = "the container forbids adjtimex: needs CAP_SYS_TIME",
	.read = read_timekeeping,
};
