/* SPDX-License-Identifier: MIT */
/* Lines of the kernel log in the forms that people keep: /dev/kmsg, dmesg, dmesg -r, syslog. */
#ifndef MURPHY_SOURCE_KLOG_LINE_H
#define MURPHY_SOURCE_KLOG_LINE_H

#include "base/cursor.h"
#include "table/table.h"

struct klog_line {
	uint64_t sequence; /* the kernel's; where there is none us since boot, else the line */
	uint64_t at_ns;    /* since boot */
	bool timed;        /* at_ns is known */
	bool escaped;      /* bytes that do not print are \xNN, as is the backslash */
	struct span text;
};

struct klog_reader {
	struct cursor rest;
	uint64_t lines;
	uint64_t next_sequence; /* 0: none seen */
	uint64_t lost;          /* gaps in sequence numbers: overwritten while being read */
};

static inline struct klog_reader klog_read(const char *buf, size_t len)
{
	return (struct klog_reader){ .rest = cursor_of(buf, len) };
}

/* The next message of the kernel itself; what processes wrote into its log is passed over. */
bool klog_next(struct klog_reader *r, struct klog_line *ret_line);

/* Intern part of the line's text, as it was before /dev/kmsg escaped it. */
text_t klog_intern(struct table *t, const struct klog_line *line, struct span part);

/* Where needle is first or last in s; false when it is not. ret_at is an offset. */
bool span_find(struct span s, const char *needle, size_t *ret_at);
bool span_find_last(struct span s, const char *needle, size_t *ret_at);

/* s without its first n bytes; its first n bytes. n may be more than there are. */
struct span span_from(struct span s, size_t n);
struct span span_upto(struct span s, size_t n);

#endif
