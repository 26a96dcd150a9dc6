/* SPDX-License-Identifier: MIT */
/* murphy why: where the time of some processes goes, to text and JSON. */
#ifndef MURPHY_RENDER_WHY_H
#define MURPHY_RENDER_WHY_H

#include "render/text.h"
#include "view/why.h"

void why_text(const struct why_report *r, const struct text_style *style, struct strbuf *out);
void why_json(const struct why_report *r, struct strbuf *out);

#endif
