/* SPDX-License-Identifier: MIT */
/*
 * A cursor over bytes that somebody else owns. Every function advances only when it returns true;
 * numbers that overflow are not numbers. Nothing here allocates or needs a NUL.
 */
#ifndef MURPHY_BASE_CURSOR_H
#define MURPHY_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const char *at;
	size_t len;
};

/* The whole of a text. */
static inline struct span span_of(const char *text)
{
	return (struct span){ text, __builtin_strlen(text) };
}

struct cursor {
	const char *at, *end;
};

static inline struct cursor cursor_of(const char *buf, size_t len)
{
	return (struct cursor){ buf, len ? buf + len : buf }; /* NULL + 0 is undefined */
}

static inline struct cursor cursor_span(struct span s)
{
	return cursor_of(s.at, s.len);
}

static inline bool cursor_end(const struct cursor *c)
{
	return c->at == c->end;
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* Skip spaces and tabs. */
void cursor_blank(struct cursor *c);

/* The next line without its '\n'; false at the end. The last line may lack the '\n'. */
bool cursor_line(struct cursor *c, struct cursor *ret_line);

/* Skip blanks, then take the bytes up to the next blank, line break or the end; at least one. */
bool cursor_word(struct cursor *c, struct span *ret_word);

/* Take everything before stop, and stop itself; false when stop does not come. */
bool cursor_until(struct cursor *c, char stop, struct span *ret_text);

/* Take the literal text. */
bool cursor_lit(struct cursor *c, const char *text);

/* Skip blanks, then a number: decimal unsigned, decimal signed, hex without 0x, decimal "1.25". */
bool cursor_u64(struct cursor *c, uint64_t *ret_value);
bool cursor_s64(struct cursor *c, int64_t *ret_value);
bool cursor_x64(struct cursor *c, uint64_t *ret_value);
bool cursor_f64(struct cursor *c, double *ret_value);

bool span_eq(struct span s, const char *text);
bool span_starts(struct span s, const char *prefix);
bool span_ends(struct span s, const char *suffix);

/* Copy into buf of size bytes, cut to fit, NUL-terminated. size must be at least 1. */
void span_copy(struct span s, char *buf, size_t size);

#endif
