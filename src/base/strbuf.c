/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include "base/mem.h"
#include "base/utf8.h"

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

void strbuf_add_printable(struct strbuf *s, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t code;
		size_t n = utf8_next(text + i, len - i, &code);

		if (n == 0 || !utf8_harmless(code)) {
			strbuf_printf(s, "\\x%02x", (unsigned char)text[i]);
			i++;
		} else {
			strbuf_add(s, text + i, n);
			i += n;
		}
	}
}

void strbuf_add_shell_word(struct strbuf *s, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./:@%+,=-";

	if (*text && text[strspn(text, plain)] == '\0') {
		strbuf_puts(s, text);
		return;
	}
	strbuf_putc(s, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_puts(s, "'\\''");
		else
			strbuf_putc(s, *text);
	}
	strbuf_putc(s, '\'');
}
