/* SPDX-License-Identifier: MIT */
#include "check/section.h"

#include "base/cursor.h"

#include <string.h>

void section_wrong(struct section *s, unsigned int line, const char *key, const char *what)
{
	house_wrong(s->house, s->file, line, s->open ? s->name : "", key, "%s", what);
	s->broken = true;
}

const char *section_key(const struct section *s, int key)
{
	return s->keys[key < s->n_keys ? key : s->n_keys - 1];
}

void section_wrong_line(void *arg, unsigned int line, const char *what)
{
	struct section *s = arg;

	section_wrong(s, line, "", what);
	s->at = -1;
	s->lost = true;
}

void section_begin(struct section *s, unsigned int line, const char *name)
{
	s->open = true;
	s->line = line;
	span_copy((struct span){ name, strlen(name) }, s->name, sizeof(s->name));
}

void section_end(struct section *s)
{
	for (int i = 0; i < s->n_values; i++)
		strbuf_release(&s->text[i]);
	*s = (struct section){ .house = s->house,
		.file = s->file,
		.keys = s->keys,
		.n_keys = s->n_keys,
		.n_values = s->n_values,
		.at = -1 };
}

/* The value that a line of key begins; -1, and it is told: none. */
static int place(struct section *s, unsigned int line, const char *key)
{
	auto_strbuf what = { 0 };
	int at = 0;

	while (at < s->n_keys && strcmp(key, s->keys[at]) != 0)
		at++;
	if (at == s->n_keys) {
		strbuf_puts(&what, "expected one of ");
		for (int i = 0; i < s->n_keys; i++)
			strbuf_printf(&what, "%s%s", i ? ", " : "", s->keys[i]);
		s->lost = true;
	} else {
		int most = at == s->n_keys - 1 ? s->n_values - s->n_keys + 1 : 1, first = at;

		while (at < first + most && s->key_line[at])
			at++;
		if (at < first + most)
			return at;
		if (most > 1)
			strbuf_printf(&what, "expected at most %d of them", most);
		else
			strbuf_puts(&what, "given twice");
	}
	section_wrong(s, line, key, strbuf_text(&what));
	return -1;
}

void section_take(struct section *s, unsigned int line, const char *key, const char *value,
	enum conf_part part)
{
	if (part == CONF_VALUE) {
		s->at = place(s, line, key);
		if (s->at >= 0)
			s->key_line[s->at] = line;
	}
	if (s->at < 0)
		return;
	struct strbuf *text = &s->text[s->at];

	strbuf_puts(text, part == CONF_VALUE ? "" : part == CONF_PARAGRAPH ? "\n\n" : "\n");
	strbuf_puts(text, value);
	s->house->arena.failed |= text->failed;
}

void section_whole(struct section *s)
{
	for (int i = 0; i < s->n_values; i++) {
		if (!s->key_line[i] || s->text[i].len > 0)
			continue;
		section_wrong(s, s->key_line[i], section_key(s, i), "expected a value");
		s->key_line[i] = 0;
		s->lost = true;
	}
}

const char *section_one_line(struct section *s, int key)
{
	struct strbuf *value = &s->text[key];

	if (!s->key_line[key])
		return NULL;
	if (value->len > SECTION_TEXT_MAX) {
		section_wrong(
			s, s->key_line[key], section_key(s, key), "expected at most 4096 bytes");
		s->key_line[key] = 0;
		s->lost = true;
		return NULL;
	}
	char *text = arena_printf(&s->house->arena, "%s", strbuf_text(value));

	for (char *at = text; *at; at++) {
		if (*at == '\n')
			*at = ' ';
	}
	return text + strspn(text, " ");
}
