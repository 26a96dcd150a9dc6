/* SPDX-License-Identifier: MIT */
#include "base/json_read.h"

#include <string.h>

static void space(struct cursor *c)
{
	while (c->at < c->end &&
		(*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool take(struct cursor *c, char what)
{
	if (c->at == c->end || *c->at != what)
		return false;
	c->at++;
	return true;
}

/* At a quote; to behind the other one. */
static bool skip_text(struct cursor *c)
{
	const char *at = c->at;

	if (at == c->end || *at++ != '"')
		return false;
	for (; at < c->end && *at != '"'; at++) {
		if ((unsigned char)*at < ' ' || (*at == '\\' && ++at == c->end))
			return false;
	}
	if (at == c->end)
		return false;
	c->at = at + 1;
	return true;
}

/* A number, true, false, null: whatever it is, it has no other bytes. */
static bool skip_word(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end &&
		((*c->at >= '0' && *c->at <= '9') || (*c->at >= 'a' && *c->at <= 'z') ||
			*c->at == '-' || *c->at == '+' || *c->at == '.' || *c->at == 'E'))
		c->at++;
	return c->at > from;
}

/* An array or object: brackets must pair, what is between them is not looked at closely. */
static bool skip_nested(struct cursor *c)
{
	char close[JSON_DEPTH];
	int depth = 0;

	do {
		if (c->at == c->end)
			return false;
		if (*c->at == '"') {
			if (!skip_text(c))
				return false;
			continue;
		}
		char b = *c->at++;

		if ((b == '{' || b == '[') && depth == JSON_DEPTH)
			return false;
		if (b == '{' || b == '[')
			close[depth++] = b == '{' ? '}' : ']';
		else if ((b == '}' || b == ']') && close[--depth] != b)
			return false;
	} while (depth > 0);
	return true;
}

static bool skip_value(struct cursor *c)
{
	if (c->at == c->end)
		return false;
	if (*c->at == '"')
		return skip_text(c);
	return *c->at == '{' || *c->at == '[' ? skip_nested(c) : skip_word(c);
}

bool json_read_begin(struct cursor *c)
{
	struct cursor at = *c;

	space(&at);
	if (!take(&at, '{'))
		return false;
	*c = at;
	space(&at);
	return !take(&at, ',');
}

bool json_read_member(struct cursor *c, struct json_member *ret)
{
	struct cursor at = *c;
	struct json_member m;

	space(&at);
	/* Before the first member there is no comma, before all others one. */
	if (take(&at, ','))
		space(&at);
	m.name.at = at.at + 1;
	if (!skip_text(&at))
		return false;
	m.name.len = (size_t)(at.at - 1 - m.name.at);
	space(&at);
	if (!take(&at, ':'))
		return false;
	space(&at);
	m.value.at = at.at;
	if (!skip_value(&at))
		return false;
	m.value.len = (size_t)(at.at - m.value.at);
	space(&at);
	if (at.at == at.end || (*at.at != ',' && *at.at != '}'))
		return false;
	*c = at;
	*ret = m;
	return true;
}

bool json_read_end(struct cursor *c)
{
	struct cursor at = *c;

	space(&at);
	if (!take(&at, '}'))
		return false;
	space(&at);
	if (!cursor_end(&at))
		return false;
	*c = at;
	return true;
}

bool json_read_u64(struct span value, uint64_t *ret_value)
{
	struct cursor c = cursor_span(value);
	uint64_t number;

	if (value.len == 0 || *value.at < '0' || *value.at > '9' || !cursor_u64(&c, &number) ||
		!cursor_end(&c))
		return false;
	*ret_value = number;
	return true;
}

bool json_read_bool(struct span value, bool *ret_value)
{
	if (!span_eq(value, "true") && !span_eq(value, "false"))
		return false;
	*ret_value = *value.at == 't';
	return true;
}

bool json_read_none(struct span value)
{
	return span_eq(value, "null");
}

/* The four digits behind \u. */
static bool hex4(struct cursor *c, uint32_t *ret_code)
{
	uint32_t code = 0;

	if (cursor_left(c) < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char b = *c->at++;
		uint32_t digit = b >= '0' && b <= '9'   ? (uint32_t)(b - '0')
				 : b >= 'a' && b <= 'f' ? (uint32_t)(b - 'a' + 10)
				 : b >= 'A' && b <= 'F' ? (uint32_t)(b - 'A' + 10)
							: 16;

		if (digit > 15)
			return false;
		code = code << 4 | digit;
	}
	*ret_code = code;
	return true;
}

/* 1 to 4 bytes. */
static size_t put_utf8(uint32_t code, char to[4])
{
	if (code < 0x80) {
		to[0] = (char)code;
		return 1;
	}
	size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = n; i-- > 1; code >>= 6)
		to[i] = (char)(0x80 | (code & 0x3f));
	to[0] = (char)((0xf00u >> n) | code);
	return n;
}

/* Behind a backslash: what it stands for, 0 bytes when it stands for nothing. */
static size_t unescape(struct cursor *c, char to[4])
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	uint32_t code, low;
	const char *which;
	char b = cursor_end(c) ? '\0' : *c->at++;

	if (b == 'u') {
		if (!hex4(c, &code) || code == 0 || (code >= 0xdc00 && code < 0xe000))
			return 0;
		if (code >= 0xd800 && code < 0xdc00) {
			if (!cursor_lit(c, "\\u") || !hex4(c, &low) || low < 0xdc00 || low > 0xdfff)
				return 0;
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		}
		return put_utf8(code, to);
	}
	which = b ? strchr(from, b) : NULL;
	if (!which)
		return 0;
	to[0] = into[which - from];
	return 1;
}

bool json_read_text(struct span value, char *buf, size_t size)
{
	if (value.len < 2 || value.at[0] != '"')
		return false;
	struct cursor c = cursor_of(value.at + 1, value.len - 2);
	size_t len = 0;

	while (!cursor_end(&c)) {
		char piece[4] = { *c.at++ };
		size_t n = piece[0] == '\\' ? unescape(&c, piece) : piece[0] != '\0';

		if (n == 0 || n >= size - len)
			return false;
		memcpy(buf + len, piece, n);
		len += n;
	}
	buf[len] = '\0';
	return true;
}
