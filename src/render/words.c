/* SPDX-License-Identifier: MIT */
#include "render/words.h"

#include "base/attr.h"
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

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool ends_word(unsigned char c)
{
	unsigned char lower = c | 0x20;

	return !is_digit(c) && !(lower >= 'a' && lower <= 'z') && c != '_' && c < 0x80;
}

/* Bytes of the unit that p begins with, a blank before it: " MiB", " k"; 0: of none. */
static size_t unit_len(const char *p)
{
	static const char *const units[] = { "%", "B", "KiB", "MiB", "GiB", "TiB", "ns", "us", "ms",
		"s", "min", "h", "d", "k", "M", "G", "GHz" };

	for (size_t i = 0; *p == ' ' && i < ARRAY_SIZE(units); i++) {
		size_t len = strlen(units[i]);

		if (strncmp(p + 1, units[i], len) == 0 && ends_word((unsigned char)p[1 + len]))
			return 1 + len;
	}
	return 0;
}

/* The word that text begins with; a number keeps its unit. */
static size_t word_len(const char *text)
{
	size_t len = strcspn(text, " "), unit = 0;

	if (len > 0 && is_digit((unsigned char)text[len - 1]))
		unit = unit_len(text + len);
	return unit ? len + unit + strcspn(text + len + unit, " ") : len;
}

void words_wrap(struct strbuf *out, const char *text, size_t at, size_t indent, size_t width)
{
	auto_strbuf clean = { 0 };
	bool first = true;

	strbuf_add_printable(&clean, text, strlen(text));
	out->failed |= clean.failed;
	for (const char *word = strbuf_text(&clean); *word;) {
		size_t gap = strspn(word, " "), len = word_len(word + gap), columns = 0;

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
