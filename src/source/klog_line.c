/* SPDX-License-Identifier: MIT */
#include "source/klog_line.h"

#include <string.h>

bool span_find(struct span s, const char *needle, size_t *ret_at)
{
	const char *at = s.len ? memmem(s.at, s.len, needle, strlen(needle)) : NULL;

	if (at)
		*ret_at = (size_t)(at - s.at);
	return at != NULL;
}

bool span_find_last(struct span s, const char *needle, size_t *ret_at)
{
	size_t at = 0, more;
	bool found = false;

	while (span_find(span_from(s, at), needle, &more)) {
		*ret_at = at + more;
		at += more + 1;
		found = true;
	}
	return found;
}

struct span span_from(struct span s, size_t n)
{
	n = n < s.len ? n : s.len;
	return (struct span){ s.at + n, s.len - n };
}

struct span span_upto(struct span s, size_t n)
{
	return (struct span){ s.at, n < s.len ? n : s.len };
}

/* Facility 0 is the kernel; anybody who may write /dev/kmsg gets another one. */
static bool kernel_wrote(uint64_t priority)
{
	return priority >> 3 == 0;
}

/* "6,1234,5678901,-[,caller=T1];text" */
static bool take_kmsg(struct cursor *c, struct klog_line *l, uint64_t *ret_priority)
{
	struct cursor at = *c;
	struct span rest;
	uint64_t us;

	if (!cursor_u64(&at, ret_priority) || !cursor_lit(&at, ",") ||
		!cursor_u64(&at, &l->sequence) || !cursor_lit(&at, ",") || !cursor_u64(&at, &us) ||
		!cursor_lit(&at, ",") || !cursor_until(&at, ';', &rest))
		return false;
	if (__builtin_mul_overflow(us, 1000, &l->at_ns))
		return false;
	l->timed = true;
	l->escaped = true;
	*c = at;
	return true;
}

/* "12.345678]" after the bracket. */
static bool take_stamp(struct cursor *c, struct klog_line *l)
{
	struct cursor at = *c;
	uint64_t s, us;

	if (!cursor_u64(&at, &s) || !cursor_lit(&at, "."))
		return false;
	const char *digits = at.at;

	if (!cursor_u64(&at, &us) || at.at - digits != 6 || us > 999999 || !cursor_lit(&at, "]"))
		return false;
	if (__builtin_mul_overflow(s, 1000000, &s) || __builtin_add_overflow(s, us, &s) ||
		__builtin_mul_overflow(s, 1000, &l->at_ns))
		return false;
	l->timed = true;
	l->sequence = s;
	*c = at;
	return true;
}

/* "[T123]" or "[C0]": who printed, with CONFIG_PRINTK_CALLER. */
static void skip_caller(struct cursor *c)
{
	struct cursor at = *c;
	uint64_t id;

	if (!cursor_lit(&at, "["))
		return;
	cursor_blank(&at);
	if ((cursor_lit(&at, "T") || cursor_lit(&at, "C")) && cursor_u64(&at, &id) &&
		cursor_lit(&at, "]"))
		*c = at;
}

/* "<6>[   12.345678] text", "[Wed Mar 13 11:16:48 2024] text", "Mar 13 ... kernel: [12.34] text" */
static void take_prefix(struct cursor *c, struct klog_line *l, uint64_t *ret_priority)
{
	struct span line = { c->at, cursor_left(c) }, date;
	struct cursor at = *c;
	size_t kernel;

	if (cursor_lit(&at, "<") && cursor_u64(&at, ret_priority) && cursor_lit(&at, ">"))
		*c = at;
	else if (!span_starts(line, "[") && span_find(line, " kernel: ", &kernel))
		c->at += kernel + strlen(" kernel: ");
	at = *c;
	if (!cursor_lit(&at, "["))
		return;
	bool letter = !cursor_end(&at) && ((*at.at | 32) >= 'a' && (*at.at | 32) <= 'z');

	if (!take_stamp(&at, l) && !(letter && cursor_until(&at, ']', &date)))
		return;
	skip_caller(&at);
	cursor_lit(&at, " ");
	*c = at;
}

bool klog_next(struct klog_reader *r, struct klog_line *ret_line)
{
	struct cursor c;

	while (cursor_line(&r->rest, &c)) {
		struct klog_line l = { .sequence = ++r->lines };
		uint64_t priority = 0;

		/* The dictionary of a record, or the rest of one of several lines. */
		if (cursor_end(&c) || *c.at == ' ' || *c.at == '\t')
			continue;
		if (take_kmsg(&c, &l, &priority)) {
			if (r->next_sequence && l.sequence > r->next_sequence)
				r->lost += l.sequence - r->next_sequence;
			r->next_sequence = l.sequence + 1;
		} else {
			take_prefix(&c, &l, &priority);
		}
		if (!kernel_wrote(priority))
			continue;
		l.text = (struct span){ c.at, cursor_left(&c) };
		*ret_line = l;
		return true;
	}
	return false;
}

text_t klog_intern(struct table *t, const struct klog_line *line, struct span part)
{
	char plain[4096];
	struct cursor c = cursor_span(part);
	size_t len = 0;

	if (!line->escaped || !part.len || !memchr(part.at, '\\', part.len))
		return table_intern(t, part.at, part.len);
	while (!cursor_end(&c) && len < sizeof(plain)) {
		struct cursor hex;
		uint64_t byte;

		if (cursor_lit(&c, "\\x") && cursor_left(&c) >= 2) {
			hex = cursor_of(c.at, 2);
			if (*c.at != ' ' && cursor_x64(&hex, &byte) && cursor_end(&hex)) {
				plain[len++] = (char)byte;
				c.at += 2;
				continue;
			}
		}
		if (!cursor_end(&c))
			plain[len++] = *c.at++;
	}
	return table_intern(t, plain, len);
}
