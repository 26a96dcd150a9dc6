/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void before_value(struct json *j)
{
	if (j->comma)
		strbuf_putc(j->out, ',');
	j->comma = true;
}

static void begin(struct json *j, char bracket)
{
	before_value(j);
	strbuf_putc(j->out, bracket);
	j->comma = false;
}

static void end(struct json *j, char bracket)
{
	strbuf_putc(j->out, bracket);
	j->comma = true;
}

void json_begin_object(struct json *j)
{
	begin(j, '{');
}

void json_end_object(struct json *j)
{
	end(j, '}');
}

void json_begin_array(struct json *j)
{
	begin(j, '[');
}

void json_end_array(struct json *j)
{
	end(j, ']');
}

void json_end_line(struct json *j)
{
	end(j, '\n');
	j->comma = false;
}

void json_key(struct json *j, const char *name)
{
	json_str(j, name);
	strbuf_putc(j->out, ':');
	j->comma = false;
}

static void escape(struct strbuf *out, uint32_t code)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = code && code < 0x80 ? strchr(from, (int)code) : NULL;

	if (at)
		strbuf_printf(out, "\\%c", to[at - from]);
	else
		strbuf_printf(
			out, "\\u%04" PRIx32, code); /* all that is escaped is below U+10000 */
}

/* Nearly all that is ever written. */
static bool plain(char c)
{
	return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void quoted(struct strbuf *out, const char *text, size_t len)
{
	size_t from = 0, i = 0;

	while (i < len) {
		uint32_t code;

		if (plain(text[i])) {
			i++;
			continue;
		}
		size_t n = utf8_next(text + i, len - i, &code);

		if (n > 0 && utf8_harmless(code) && code != '"' && code != '\\') {
			i += n;
			continue;
		}
		strbuf_add(out, text + from, i - from);
		if (n == 0)
			strbuf_puts(out, "\xef\xbf\xbd");
		else
			escape(out, code);
		i += n ? n : 1;
		from = i;
	}
	strbuf_add(out, text + from, i - from);
}

void json_text(struct json *j, const char *text, size_t len)
{
	before_value(j);
	strbuf_putc(j->out, '"');
	quoted(j->out, text, len);
	strbuf_putc(j->out, '"');
}

void json_str(struct json *j, const char *text)
{
	if (text)
		json_text(j, text, strlen(text));
	else
		json_none(j);
}

void json_u64(struct json *j, uint64_t value)
{
	char digits[20], *at = digits + sizeof(digits);

	before_value(j);
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	strbuf_add(j->out, at, (size_t)(digits + sizeof(digits) - at));
}

void json_s64(struct json *j, int64_t value)
{
	before_value(j);
	strbuf_printf(j->out, "%" PRId64, value);
}

bool double_shortest(double value, char buf[32])
{
	if (!isfinite(value))
		return false;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, 32, "%.*g", digits, value);
		if (strtod(buf, NULL) == value)
			break;
	}
	/* Somebody's locale may write the point as a comma. */
	for (char *p = buf; *p; p++) {
		if (*p == ',')
			*p = '.';
	}
	return true;
}

void json_double(struct json *j, double value)
{
	char text[32];

	if (!double_shortest(value, text)) {
		json_none(j);
		return;
	}
	before_value(j);
	strbuf_puts(j->out, text);
}

void json_bool(struct json *j, bool value)
{
	before_value(j);
	strbuf_puts(j->out, value ? "true" : "false");
}

void json_none(struct json *j)
{
	before_value(j);
	strbuf_puts(j->out, "null");
}

void json_member(struct json *j, const char *name, const char *text)
{
	json_key(j, name);
	json_str(j, text);
}

void json_member_u64(struct json *j, const char *name, uint64_t value)
{
	json_key(j, name);
	json_u64(j, value);
}
