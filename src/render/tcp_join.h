/* SPDX-License-Identifier: MIT */
/* murphy tcp join, as text and as JSON. */
#ifndef MURPHY_RENDER_TCP_JOIN_H
#define MURPHY_RENDER_TCP_JOIN_H

#include "render/text.h"
#include "view/tcp_join.h"

void tcp_join_text(const struct join_view *v, const struct text_style *style, struct strbuf *out);
void tcp_join_json(const struct join_view *v, struct strbuf *out);

#endif
