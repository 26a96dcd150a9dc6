/* SPDX-License-Identifier: MIT */
#include "render/words.h"

#include "table/quantity.h"

#include <string.h>

struct human words_quantity(enum unit unit, struct reading value)
{
	return quantity_human(unit, value);
}

void words_entity(const struct entity *e, struct strbuf *out)
{
	const char *name = e->name ? e->name : "";

	if (e->kind == ENTITY_HOST)
		strbuf_puts(out, "this machine");
	else if (e->kind == ENTITY_PROCESS)
		strbuf_printf(out, "%s (pid %llu)", name, (unsigned long long)e->pid);
	else
		strbuf_printf(out, "%s %s", entity_kind_name(e->kind), name);
	if (e->kind != ENTITY_PROCESS && e->pid)
		strbuf_printf(out, " (pid %llu)", (unsigned long long)e->pid);
	if (e->detail && *e->detail)
		strbuf_printf(out, ", %s", e->detail);
}

size_t words_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void words_pad(struct strbuf *out, size_t columns)
{
	while (columns-- > 0)
		strbuf_putc(out, ' ');
}

void words_wrap(struct strbuf *out, const char *text, size_t at, size_t indent, size_t width)
{
	auto_strbuf clean = { 0 };
	bool first = true;

	strbuf_add_printable(&clean, text, strlen(text));
	out->failed |= clean.failed;
	for (const char *word = strbuf_text(&clean); *word;) {
		size_t gap = strspn(word, " "), len = strcspn(word + gap, " "), columns = 0;

		for (size_t i = 0; i < len; i++)
			columns += ((unsigned char)word[gap + i] & 0xc0) != 0x80;
		word += gap;
		if (!first && len > 0 && at + gap + columns > width) {
			strbuf_putc(out, '\n');
			words_pad(out, indent);
			at = indent;
			gap = 0;
		}
		words_pad(out, len > 0 ? gap : 0);
		strbuf_add(out, word, len);
		at += gap + columns;
		word += len;
		first = false;
	}
	strbuf_putc(out, '\n');
}

void words_wrap_buf(
	struct strbuf *out, const struct strbuf *text, size_t at, size_t indent, size_t width)
{
	out->failed |= text->failed;
	words_wrap(out, strbuf_text(text), at, indent, width);
}
