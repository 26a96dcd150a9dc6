/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_release(struct strbuf *s)
{
	free(s->bytes);
	*s = (struct strbuf){ 0 };
}

int strbuf_reserve(struct strbuf *s, size_t more)
{
	if (more > SIZE_MAX / 4 || s->len > SIZE_MAX / 4)
		return -ENOMEM;
	if (s->size > s->len + more)
		return 0;
	size_t want = s->size ? s->size : 128;

	while (want <= s->len + more)
		want *= 2;
	char *bytes = mem_resize(s->bytes, want, 1);

	if (!bytes) {
		s->failed = true;
		return -ENOMEM;
	}
	s->bytes = bytes;
	s->size = want;
	s->bytes[s->len] = '\0';
	return 0;
}

void strbuf_clear(struct strbuf *s)
{
	s->len = 0;
	if (s->bytes)
		s->bytes[0] = '\0';
}

void strbuf_add(struct strbuf *s, const void *bytes, size_t len)
{
	if (s->failed || strbuf_reserve(s, len) < 0 || len == 0)
		return;
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
	s->bytes[s->len] = '\0';
}

void strbuf_puts(struct strbuf *s, const char *text)
{
	strbuf_add(s, text, strlen(text));
}

void strbuf_putc(struct strbuf *s, char c)
{
	strbuf_add(s, &c, 1);
}

void strbuf_vprintf(struct strbuf *s, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int len = vsnprintf(NULL, 0, fmt, again);

	va_end(again);
	if (len < 0 || s->failed || strbuf_reserve(s, (size_t)len + 1) < 0) {
		s->failed = true;
		return;
	}
	vsnprintf(s->bytes + s->len, (size_t)len + 1, fmt, ap);
	s->len += (size_t)len;
}

void strbuf_printf(struct strbuf *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(s, fmt, ap);
	va_end(ap);
}

/* Length of the valid, printable UTF-8 sequence at p, 0 if there is none. */
static size_t utf8_printable(const unsigned char *p, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	uint32_t code = p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	bool surrogate = code >= 0xd800 && code <= 0xdfff;
	bool bidi = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);

	/* 0x80..0x9f are C1 controls, 0x2028/9 line separators, bidi marks reorder the line. */
	if (code < least[n] || code > 0x10ffff || surrogate || bidi || code < 0xa0 ||
		code == 0x2028 || code == 0x2029)
		return 0;
	return n;
}

void strbuf_add_printable(struct strbuf *s, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_printable(p + i, len - i);

		if (n == 0) {
			strbuf_printf(s, "\\x%02x", p[i]);
			i++;
		} else {
			strbuf_add(s, text + i, n);
			i += n;
		}
	}
}
