/* SPDX-License-Identifier: MIT */
/* Two machines compared, as text and as JSON lines (docs/json.md). */
#ifndef MURPHY_RENDER_COMPARE_H
#define MURPHY_RENDER_COMPARE_H

#include "check/report.h"
#include "render/text.h"
#include "view/compare.h"

/* One of the two: how it was named, and the look at it. */
struct compared {
	const char *named; /* the operand; NULL: this machine */
	const struct report *report;
};

/* Ranked; without style->verbose the lesser ones are counted only. */
void text_comparison(const struct comparison *c, const struct compared side[2],
	const struct text_style *style, struct strbuf *out);

/* Kinds side (two), difference, uncompared, comparison. */
void json_comparison(const struct comparison *c, const struct compared side[2], int exit_code,
	struct strbuf *out);

/* Was something kept from the comparison: denied, late, broken, or taken out by --redact? */
bool comparison_blind(const struct comparison *c);

#endif
