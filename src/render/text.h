/* SPDX-License-Identifier: MIT */
/* A report as text for a person: ranked findings, or on a healthy machine its vital signs. */
#ifndef MURPHY_RENDER_TEXT_H
#define MURPHY_RENDER_TEXT_H

#include "base/strbuf.h"
#include "check/report.h"

struct text_style {
	unsigned int width; /* columns */
	bool colour;
	bool known;   /* what known.d silences, one by one */
	bool verbose; /* nested findings whole, every source, every check */
};

#define TEXT_BOLD "\033[1m"
#define TEXT_DIM "\033[2m"
#define TEXT_PLAIN "\033[0m"

/* From here on text looks as code says, where the style has colours. */
void text_paint(const char *code, const struct text_style *style, struct strbuf *out);

/* Of a report: the known findings that are silenced, and what is wrong with rules of the house. */
void text_house(const struct report *r, const struct text_style *style, struct strbuf *out);

void text_report(const struct report *r, const struct text_style *style, struct strbuf *out);

/* "  name      ": the label of a line, and in which column its text begins. */
enum { TEXT_LABEL = 13 };
void text_label(const char *name, const struct text_style *style, struct strbuf *out);

/* A labelled "words:  command": a long command stands on a line of its own, whole, for copying. */
void text_command(
	const char *name, const char *text, const struct text_style *style, struct strbuf *out);

/* One finding with its evidence, without what follows from it. */
void text_finding(const struct finding *f, const struct text_style *style, struct strbuf *out);

#endif
