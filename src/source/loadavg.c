/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>

/*
 * Parse /proc/loadavg.
 *
 * Shape:  "0.83 0.28 0.10 1/95 9657": loads, runnable/tasks, last pid. The same since 2.6.
 * Errors: -EINVAL malformed, -ENODATA empty.
 * Source: fs/proc/loadavg.c, loadavg_proc_show().
 */
int loadavg_parse(const char *buf, size_t len, struct table *t)
{
	struct loadavg l = { 0 };
	struct cursor c = cursor_of(buf, len);

	if (len == 0)
		return -ENODATA;
	if (!cursor_f64(&c, &l.load_1m) || !cursor_f64(&c, &l.load_5m) ||
		!cursor_f64(&c, &l.load_15m))
		return -EINVAL;
	if (l.load_1m < 0 || l.load_5m < 0 || l.load_15m < 0)
		return -EINVAL;
	if (!cursor_u64(&c, &l.runnable) || !cursor_lit(&c, "/") || !cursor_u64(&c, &l.tasks))
		return -EINVAL;
	for (unsigned int i = 0; i < LOADAVG_COLUMNS; i++)
		row_set(&l.has, i);
	struct loadavg *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = l;
	return 0;
}

static int read_loadavg(struct probe *p)
{
	return probe_parse(p, TABLE_loadavg, "proc/loadavg", 256, loadavg_parse);
}

const struct source source_loadavg = {
	.name = "loadavg",
	.fills = { TABLE_loadavg },
	.deadline_ns = 500000000,
	.read = read_loadavg,
};
