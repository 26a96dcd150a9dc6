/* SPDX-License-Identifier: MIT */
/*
 * The one JSON writer (RFC 8259). It adds commas by itself and no white space; nesting is the
 * caller's affair.
 *
 * Text: a byte that is not part of valid UTF-8 becomes U+FFFD, so the output is always valid.
 * Controls, line separators and bidi marks are escaped, so that a line of output is one line on
 * every terminal.
 * Numbers: doubles as the shortest decimal that reads back as the same double; NaN and infinity,
 * which JSON lacks, become null.
 * Errors: out->failed, to be checked once at the end.
 *
 * No name is one of libjansson's: murphy-lab has both, and would call this one for that.
 */
#ifndef MURPHY_BASE_JSON_H
#define MURPHY_BASE_JSON_H

#include "base/strbuf.h"

#include <stdint.h>

struct json {
	struct strbuf *out;
	bool comma; /* private: a value stands before */
};

static inline struct json json_to(struct strbuf *out)
{
	return (struct json){ .out = out };
}

void json_begin_object(struct json *j);
void json_end_object(struct json *j);
void json_begin_array(struct json *j);
void json_end_array(struct json *j);

/* End the line after an outermost value; the next value starts afresh. */
void json_end_line(struct json *j);

void json_key(struct json *j, const char *name);

/* text may be NULL: null. */
void json_str(struct json *j, const char *text);
void json_text(struct json *j, const char *text, size_t len);
void json_u64(struct json *j, uint64_t value);
void json_s64(struct json *j, int64_t value);
void json_double(struct json *j, double value);
void json_bool(struct json *j, bool value);
void json_none(struct json *j);

/* A key and its value. */
void json_member(struct json *j, const char *name, const char *text);
void json_member_u64(struct json *j, const char *name, uint64_t value);

/* The shortest decimal that reads back as value, NUL-terminated; false for NaN and infinity. */
bool double_shortest(double value, char buf[32]);

#endif
