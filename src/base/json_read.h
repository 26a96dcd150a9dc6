/* SPDX-License-Identifier: MIT */
/*
 * Members of one JSON object (RFC 8259) in bytes that somebody else owns: nothing is allocated,
 * and what nobody asks for is skipped. For lines of --json, some hundred megabytes of them.
 */
#ifndef MURPHY_BASE_JSON_READ_H
#define MURPHY_BASE_JSON_READ_H

#include "base/cursor.h"

/* Nesting beyond it is refused. */
enum { JSON_DEPTH = 32 };

struct json_member {
	struct span name;  /* between its quotes, escapes as they were written */
	struct span value; /* all of it: a text with its quotes, an object with its braces */
};

/* Skip white space, then a brace. */
bool json_read_begin(struct cursor *c);

/*
 * The next member, false at the end of the object and where it is damaged: json_read_end() tells
 * which.
 */
bool json_read_member(struct cursor *c, struct json_member *ret);

/* The closing brace stands here, and nothing but white space behind it. */
bool json_read_end(struct cursor *c);

/* A whole number 0..2^64 - 1, true or false, and null. */
bool json_read_u64(struct span value, uint64_t *ret_value);
bool json_read_bool(struct span value, bool *ret_value);
bool json_read_none(struct span value);

/* A text, its escapes resolved, NUL-terminated. False: it is none, has a NUL, or does not fit. */
bool json_read_text(struct span value, char *buf, size_t size);

#endif
