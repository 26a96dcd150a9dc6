/* SPDX-License-Identifier: MIT */
#include "fuzz/judge.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void judge_row(const struct table *t, const void *row)
{
	const struct schema *s = t->schema;
	has_t has;

	memcpy(&has, row, sizeof(has));
	must(s->n_columns == 64 || has >> s->n_columns == 0, "a has-bit without a column");
	for (unsigned int i = 0; i < s->n_columns; i++) {
		text_t text;

		if (s->columns[i].type != TYPE_text)
			continue;
		memcpy(&text, (const char *)row + s->columns[i].offset, sizeof(text));
		if (text == 0)
			continue;
		must(text < t->text_len, "a text that is not in the pool");
		must(memchr(t->text + text, '\0', t->text_len - text) != NULL,
			"a text without end");
	}
}

int fuzz_judge_parser(
	fuzz_parse_fn *parse, const struct schema *schema, const char *buf, size_t len)
{
	struct table *t = table_new(schema);
	char *copy = malloc(len ? len : 1);

	must(t && copy, "memory for the harness");
	if (len)
		memcpy(copy, buf, len);

	int err = parse(copy, len, t);

	must(err <= 0, "neither 0 nor a negative errno");
	must(err == 0 || t->n == 0, "rows of an input that was refused");
	must(t->n <= len + 1, "more rows than bytes");
	for (size_t i = 0; i < t->n; i++)
		judge_row(t, table_at(t, i));
	free(copy);
	table_unref(t);
	return err;
}
