/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"

#include <string.h>

void cursor_blank(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

bool cursor_line(struct cursor *c, struct cursor *ret_line)
{
	if (cursor_end(c))
		return false;
	const char *stop = memchr(c->at, '\n', cursor_left(c));

	*ret_line = (struct cursor){ c->at, stop ? stop : c->end };
	c->at = stop ? stop + 1 : c->end;
	return true;
}

static bool is_gap(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\n';
}

bool cursor_word(struct cursor *c, struct span *ret_word)
{
	struct cursor t = *c;

	cursor_blank(&t);
	const char *from = t.at;

	while (t.at < t.end && !is_gap(*t.at))
		t.at++;
	if (t.at == from)
		return false;
	*ret_word = (struct span){ from, (size_t)(t.at - from) };
	*c = t;
	return true;
}

bool cursor_until(struct cursor *c, char stop, struct span *ret_text)
{
	const char *at = cursor_end(c) ? NULL : memchr(c->at, stop, cursor_left(c));

	if (!at)
		return false;
	*ret_text = (struct span){ c->at, (size_t)(at - c->at) };
	c->at = at + 1;
	return true;
}

bool cursor_lit(struct cursor *c, const char *text)
{
	size_t len = strlen(text);

	if (cursor_left(c) < len || memcmp(c->at, text, len) != 0)
		return false;
	c->at += len;
	return true;
}

static int digit_of(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return 99;
}

static bool number(struct cursor *c, unsigned int base, uint64_t *ret_value)
{
	const char *from = c->at;
	const char *at = from;
	uint64_t value = 0;

	for (; at < c->end && digit_of(*at) < (int)base; at++) {
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, (uint64_t)digit_of(*at), &value))
			return false;
	}
	if (at == from)
		return false;
	c->at = at;
	*ret_value = value;
	return true;
}

bool cursor_u64(struct cursor *c, uint64_t *ret_value)
{
	struct cursor t = *c;

	cursor_blank(&t);
	if (!number(&t, 10, ret_value))
		return false;
	*c = t;
	return true;
}

bool cursor_x64(struct cursor *c, uint64_t *ret_value)
{
	struct cursor t = *c;

	cursor_blank(&t);
	if (!number(&t, 16, ret_value))
		return false;
	*c = t;
	return true;
}

bool cursor_s64(struct cursor *c, int64_t *ret_value)
{
	struct cursor t = *c;
	uint64_t value;

	cursor_blank(&t);
	bool minus = cursor_lit(&t, "-");

	if (!number(&t, 10, &value) || value > (uint64_t)INT64_MAX + (minus ? 1 : 0))
		return false;
	*ret_value = minus ? (int64_t)(~value + 1) : (int64_t)value;
	*c = t;
	return true;
}

bool cursor_f64(struct cursor *c, double *ret_value)
{
	struct cursor t = *c;
	uint64_t whole;

	cursor_blank(&t);
	bool minus = cursor_lit(&t, "-");

	if (!number(&t, 10, &whole))
		return false;
	double value = (double)whole, place = 1;

	if (cursor_lit(&t, ".")) {
		for (; t.at < t.end && digit_of(*t.at) < 10; t.at++) {
			place /= 10;
			value += place * digit_of(*t.at);
		}
	}
	*ret_value = minus ? -value : value;
	*c = t;
	return true;
}

bool span_eq(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

bool span_starts(struct span s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && memcmp(s.at, prefix, len) == 0;
}

bool span_ends(struct span s, const char *suffix)
{
	size_t len = strlen(suffix);

	return s.len >= len && memcmp(s.at + s.len - len, suffix, len) == 0;
}

void span_copy(struct span s, char *buf, size_t size)
{
	size_t len = s.len < size ? s.len : size - 1;

	memcpy(buf, s.at, len);
	buf[len] = '\0';
}
