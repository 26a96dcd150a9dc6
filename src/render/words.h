/* SPDX-License-Identifier: MIT */
/* Pieces of text: quantities, entities, and lines of a width. */
#ifndef MURPHY_RENDER_WORDS_H
#define MURPHY_RENDER_WORDS_H

#include "base/human.h"
#include "base/strbuf.h"
#include "check/check.h"

/* "77 GiB", "12 /s", or the state's name when there is no value. */
struct human words_quantity(enum unit unit, struct reading value);

/* "nginx (pid 12), 31 connections". Raw: names are as the kernel gave them. */
void words_entity(const struct entity *e, struct strbuf *out);

/* Columns that the text takes when printed (one per code point). */
size_t words_columns(const char *text);

/*
 * Add text, made printable and broken at spaces so that no line passes width; the first line
 * starts at column at, later ones are indented. Ends with a line break.
 */
void words_wrap(struct strbuf *out, const char *text, size_t at, size_t indent, size_t width);

/* The same of a text that was put together: its failure is out's. */
void words_wrap_buf(
	struct strbuf *out, const struct strbuf *text, size_t at, size_t indent, size_t width);

void words_pad(struct strbuf *out, size_t columns);

#endif
