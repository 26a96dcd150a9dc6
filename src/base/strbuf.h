/* SPDX-License-Identifier: MIT */
/*
 * A growing text. Zero-initialised is empty. A failed allocation sets failed and drops what comes
 * after: check once, at the end. bytes is NUL-terminated whenever it is not NULL.
 */
#ifndef MURPHY_BASE_STRBUF_H
#define MURPHY_BASE_STRBUF_H

#include "base/attr.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *bytes;
	size_t len, size;
	bool failed;
};

#define auto_strbuf __attribute__((cleanup(strbuf_release))) struct strbuf

void strbuf_release(struct strbuf *s);

/* Never NULL: "" when nothing was added, or could be. */
static inline const char *strbuf_text(const struct strbuf *s)
{
	return s->bytes ? s->bytes : "";
}

/* Make room for more bytes after len. 0 or -ENOMEM. */
int strbuf_reserve(struct strbuf *s, size_t more);

void strbuf_clear(struct strbuf *s);
void strbuf_add(struct strbuf *s, const void *bytes, size_t len);
void strbuf_puts(struct strbuf *s, const char *text);
void strbuf_putc(struct strbuf *s, char c);
void strbuf_printf(struct strbuf *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_vprintf(struct strbuf *s, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/*
 * Add foreign text for a person's eyes: control characters, invalid UTF-8 and line breaks become
 * \xNN, so that a process name can neither forge lines nor steer a terminal.
 */
void strbuf_add_printable(struct strbuf *s, const char *text, size_t len);

/*
 * Add text as one word of a shell, in quotes only where it needs them: names are whatever somebody
 * called his group or mount, and commands are copied to a root prompt.
 */
void strbuf_add_shell_word(struct strbuf *s, const char *text);

#endif
