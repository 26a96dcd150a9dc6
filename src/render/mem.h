/* SPDX-License-Identifier: MIT */
/* murphy mem: who has the memory, to text and JSON. */
#ifndef MURPHY_RENDER_MEM_H
#define MURPHY_RENDER_MEM_H

#include "render/text.h"
#include "view/mem.h"

void mem_text(const struct mem_report *r, const struct text_style *style, struct strbuf *out);

/*
 * An object per line: kinds group, process, shared, mapping, and memory, the last (docs/json.md).
 */
void mem_json(const struct mem_report *r, int exit_code, struct strbuf *out);

/* "memfd". Static; "?" for a kind that this murphy does not know. */
const char *mem_kind_name(uint32_t kind);

#endif
