/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

enum { CPUS_MAX = 8192 };

static const struct {
	const char *name;
	unsigned int column;
} lines[] = {
	{ "NET_RX:", SOFTIRQ_net_rx },
	{ "NET_TX:", SOFTIRQ_net_tx },
	{ "BLOCK:", SOFTIRQ_block },
	{ "TASKLET:", SOFTIRQ_tasklet },
};

/* "CPU0 CPU1 CPU3": a row each. Returns their number or -errno. */
static int parse_head(struct cursor *line, struct table *t)
{
	struct span word;
	uint64_t cpu;
	int n = 0;

	while (cursor_word(line, &word)) {
		struct cursor c = cursor_span(word);

		if (!cursor_lit(&c, "CPU") || !cursor_u64(&c, &cpu) || !cursor_end(&c) ||
			n == CPUS_MAX)
			return -EINVAL;
		void *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, SOFTIRQ_cpu, cpu);
		n++;
	}
	return n;
}

static int parse_counts(struct cursor *line, struct table *t, size_t from, unsigned int column)
{
	uint64_t value;

	for (size_t i = from; i < t->n; i++) {
		struct softirq *row = table_at(t, i);

		if (!cursor_u64(line, &value) || row_has(row->has, column))
			return -EINVAL;
		row_put(t->schema, row, column, value);
	}
	cursor_blank(line);
	return cursor_end(line) ? 0 : -EINVAL;
}

/*
 * Parse /proc/softirqs: what concerns the network, and what else takes long.
 *
 * Shape:  "CPU0 CPU1 ...", then "NET_RX: N N ..." and others, a number for each CPU of the head.
 * Errors: -EINVAL malformed or repeated, -ENODATA no CPU or no NET_RX.
 * Source: fs/proc/softirqs.c, show_softirqs().
 */
int softirq_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = cursor_line(&c, &line) ? parse_head(&line, t) : 0;

	err = err == 0 ? -ENODATA : err < 0 ? err : 0;
	while (err == 0 && cursor_line(&c, &line)) {
		struct span name;

		if (!cursor_word(&line, &name))
			continue;
		for (size_t i = 0; err == 0 && i < ARRAY_SIZE(lines); i++) {
			if (span_eq(name, lines[i].name))
				err = parse_counts(&line, t, before, lines[i].column);
		}
	}
	if (err == 0 && !row_has(((struct softirq *)table_at(t, before))->has, SOFTIRQ_net_rx))
		err = -ENODATA;
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_softirq(struct probe *p)
{
	return probe_parse(p, TABLE_softirq, "proc/softirqs", 4 << 20, softirq_parse);
}

const struct source source_softirq = {
	.name = "softirq",
	.fills = { TABLE_softirq },
	.deadline_ns = 500000000,
	.read = read_softirq,
};
