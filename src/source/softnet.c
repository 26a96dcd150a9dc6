/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>

enum { STEERED_AT = 9, LIMITED_AT = 10, CPU_AT = 12, FIELDS_MIN = 9 };

static int parse_softnet(struct cursor *line, uint64_t number, struct table *t)
{
	uint64_t value[CPU_AT + 1];
	size_t n = 0;

	while (n < ARRAY_SIZE(value) && cursor_x64(line, &value[n]))
		n++;
	cursor_blank(line);
	if (n < FIELDS_MIN || (n < ARRAY_SIZE(value) && !cursor_end(line)))
		return -EINVAL;
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, SOFTNET_cpu, n > CPU_AT ? value[CPU_AT] : number);
	row_put(t->schema, row, SOFTNET_processed, value[0]);
	row_put(t->schema, row, SOFTNET_dropped, value[1]);
	row_put(t->schema, row, SOFTNET_squeezed, value[2]);
	if (n > STEERED_AT)
		row_put(t->schema, row, SOFTNET_steered, value[STEERED_AT]);
	if (n > LIMITED_AT)
		row_put(t->schema, row, SOFTNET_flow_limited, value[LIMITED_AT]);
	return 0;
}

/*
 * Parse /proc/net/softnet_stat: a line for each CPU online. Kernels that write fewer than 13
 * columns (3.10: 10 or 11) do not name the CPU; its line number is taken, which is wrong behind a
 * CPU that is offline.
 *
 * Shape:  hexadecimal, blank-separated: processed, dropped, time_squeeze, ..., [9] received_rps,
 *         [10] flow_limit_count, [12] CPU.
 * Errors: -EINVAL malformed line, -ENODATA no line.
 * Source: net/core/net-procfs.c, softnet_seq_show().
 */
int softnet_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	for (uint64_t number = 0; err == 0 && cursor_line(&c, &line); number++) {
		if (!cursor_end(&line))
			err = parse_softnet(&line, number, t);
	}
	if (err == 0 && t->n == before)
		err = -ENODATA;
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_softnet(struct probe *p)
{
	return probe_parse(p, TABLE_softnet, "proc/net/softnet_stat", 4 << 20, softnet_parse);
}

const struct source source_softnet = {
	.name = "softnet",
	.fills = { TABLE_softnet },
	.deadline_ns = 500000000,
	.read = read_softnet,
};
