/* SPDX-License-Identifier: MIT */
/* murphy tcp nagle: sends that were held, to text and JSON. */
#ifndef MURPHY_RENDER_NAGLE_H
#define MURPHY_RENDER_NAGLE_H

#include "render/text.h"
#include "view/nagle.h"

void nagle_text(const struct nagle_report *r, const struct text_style *style, struct strbuf *out);

/* An object per line: kinds nagle, and nagle_watch, the last (docs/json.md). */
void nagle_json(const struct nagle_report *r, int exit_code, struct strbuf *out);

#endif
