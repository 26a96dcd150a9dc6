/* SPDX-License-Identifier: MIT */
#include "source/klog_line.h"
#include "source/source.h"

#include <errno.h>

enum { LOG_MAX = 16 << 20 };

/* "COMM:N blocked[ in I/O wait] for more than N seconds." after "INFO: task ". */
static int take_hung(struct table *t, const struct klog_line *l, struct span s)
{
	static const char blocked[] = " blocked ", more[] = " for more than ";
	size_t tail, middle, colon;
	uint64_t pid, seconds;

	if (!span_find_last(s, more, &tail))
		return 0;
	/* With the blank of " for", which " blocked " shares. */
	if (!span_find_last(span_upto(s, tail + 1), blocked, &middle) ||
		!span_find_last(span_upto(s, middle), ":", &colon))
		return 0;
	struct cursor id = cursor_span(span_from(span_upto(s, middle), colon + 1));
	struct cursor n = cursor_span(span_from(s, tail + sizeof(more) - 1));

	if (!cursor_u64(&id, &pid) || !cursor_end(&id) || !cursor_u64(&n, &seconds) ||
		!cursor_lit(&n, " seconds") ||
		__builtin_mul_overflow(seconds, 1000000000, &seconds))
		return 0;
	struct klog_hung *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, KLOG_HUNG_sequence, l->sequence);
	if (l->timed)
		row_put(t->schema, row, KLOG_HUNG_at_ns, l->at_ns);
	row_put(t->schema, row, KLOG_HUNG_pid, pid);
	row_put(t->schema, row, KLOG_HUNG_comm, klog_intern(t, l, span_upto(s, colon)));
	row_put(t->schema, row, KLOG_HUNG_blocked_ns, seconds);
	return 0;
}

/*
 * Parse the kernel log for hung tasks, a row a report. Pure: the fuzzer calls it directly.
 *
 * Shape:  "INFO: task COMM:PID blocked for more than N seconds."; " in I/O wait" since 6.17.
 * Units:  seconds become ns; COMM may hold any byte.
 * Errors: -ENOMEM; a log can hold anything, so nothing is malformed.
 * Source: kernel/hung_task.c, hung_task_info().
 */
int klog_hung_parse(const char *buf, size_t len, struct table *t)
{
	static const char head[] = "INFO: task ";
	struct klog_reader r = klog_read(buf, len);
	struct klog_line line;

	while (klog_next(&r, &line)) {
		if (!span_starts(line.text, head))
			continue;
		int err = take_hung(t, &line, span_from(line.text, sizeof(head) - 1));

		if (err < 0)
			return err;
	}
	t->lost += r.lost;
	return 0;
}

static int read_klog(struct probe *p)
{
	auto_strbuf text = { 0 };
	int err = host_kmsg(p->host, LOG_MAX, &text);

	probe_bytes(probe_table(p, TABLE_klog_oom), "dev/kmsg", err, &text, klog_oom_parse);
	probe_bytes(probe_table(p, TABLE_klog_hung), "dev/kmsg", err, &text, klog_hung_parse);
	probe_bytes(probe_table(p, TABLE_klog_event), "dev/kmsg", err, &text, klog_event_parse);
	probe_bytes(probe_table(p, TABLE_klog_clock), "dev/kmsg", err, &text, klog_clock_parse);
	return 0;
}

const struct source source_klog = {
	.name = "klog",
	.fills = { TABLE_klog_oom, TABLE_klog_hung, TABLE_klog_event, TABLE_klog_clock },
	.deadline_ns = 500000000,
	.denied = "needs CAP_SYSLOG or root (kernel.dmesg_restrict)",
	.read = read_klog,
};
