/* SPDX-License-Identifier: MIT */
/* --watch: what is new, worse, or gone since the look before. */
#ifndef MURPHY_CMD_CHANGES_H
#define MURPHY_CMD_CHANGES_H

#include "check/report.h"
#include "render/text.h"

struct changes;

/* Remembers the findings of one look: id and culprit. 0 or -ENOMEM. */
int changes_new(struct changes **ret_changes);
void changes_free(struct changes *c);

/*
 * Add to out what changed since the report before (all of the first one), and remember r.
 * 0 or -ENOMEM.
 */
int changes_print(struct changes *c, const struct report *r, bool json,
	const struct text_style *style, struct strbuf *out);

#endif
