/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says of its clock sources. A healthy machine takes two or three while it boots;
 * one that gives up its TSC says so in one of these ways:
 *
 *   Clocksource tsc unstable (delta = -171084 ns)                                       before 4.1
 *   clocksource: timekeeping watchdog on CPU2: Marking clocksource 'tsc' as unstable because ...
 *   clocksource: ... excessive read-back delay of 3ns vs. limit of 2ns, ..., marking tsc unstable
 *   tsc: Marking TSC unstable due to clocksource watchdog
 *   Measured 84 cycles TSC warp between CPUs, turning off TSC clock.
 */
#include "source/klog_line.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

static int add_row(struct table *t, const struct klog_line *l, struct span name, bool given_up,
	struct span reason)
{
	struct klog_clock *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, KLOG_CLOCK_sequence, l->sequence);
	if (l->timed)
		row_put(t->schema, row, KLOG_CLOCK_at_ns, l->at_ns);
	row_put(t->schema, row, KLOG_CLOCK_name, klog_intern(t, l, name));
	row_put(t->schema, row, KLOG_CLOCK_given_up, given_up);
	if (given_up)
		row_put(t->schema, row, KLOG_CLOCK_reason, klog_intern(t, l, reason));
	return 0;
}

static struct span literal(const char *text)
{
	return (struct span){ text, strlen(text) };
}

/* The part of s after the text before, up to the text after; false when either is not there. */
static bool between(struct span s, const char *before, const char *after, struct span *ret)
{
	size_t at, end;

	if (!span_find(s, before, &at))
		return false;
	s = span_from(s, at + strlen(before));
	if (!span_find(s, after, &end))
		return false;
	*ret = span_upto(s, end);
	return ret->len > 0;
}

static int take_line(struct table *t, const struct klog_line *l)
{
	struct span s = l->text, name;
	size_t at;

	/* Most lines are about something else. */
	if (!span_find(s, "locksource", &at) && !span_find(s, "TSC", &at))
		return 0;
	if (span_find(s, "Marking TSC unstable due to ", &at))
		return add_row(t, l, literal("tsc"), true,
			span_from(s, at + strlen("Marking TSC unstable due to ")));
	if (between(s, "Marking clocksource '", "' as unstable", &name))
		return add_row(t, l, name, true, literal("the watchdog saw a skew"));
	if (between(s, ", marking ", " unstable", &name) && span_starts(s, "clocksource: "))
		return add_row(t, l, name, true, literal("the watchdog could not read it in time"));
	if (span_starts(s, "Clocksource ") && between(s, "Clocksource ", " unstable (", &name))
		return add_row(t, l, name, true, literal("the watchdog saw a skew"));
	if (span_find(s, "turning off TSC clock.", &at))
		return add_row(t, l, literal("tsc"), true, literal("it differs between CPUs"));
	if (span_find(s, "Switched to clocksource ", &at) ||
		span_find(s, "Switching to clocksource ", &at)) {
		struct cursor c = cursor_span(span_from(s, at + strlen("Switched to clocksource")));

		/* "Switching" is one longer: its last letter is passed over with the blank. */
		if (!cursor_end(&c) && *c.at == 'e')
			c.at++;
		if (cursor_word(&c, &name))
			return add_row(t, l, name, false, name);
	}
	return 0;
}

/*
 * Parse the kernel log for clock sources, a row each time one is given up or taken. Pure: the
 * fuzzer calls it directly.
 *
 * Shape:  lines as klog_next() reads them; all else is skipped.
 * Errors: -ENOMEM; a log can hold anything, so nothing is malformed.
 * Source: kernel/time/clocksource.c; arch/x86/kernel/tsc.c, tsc_sync.c.
 */
int klog_clock_parse(const char *buf, size_t len, struct table *t)
{
	struct klog_reader r = klog_read(buf, len);
	struct klog_line line;

	while (klog_next(&r, &line)) {
		int err = take_line(t, &line);

		if (err < 0)
			return err;
	}
	t->lost += r.lost;
	return 0;
}
