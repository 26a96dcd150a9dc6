/* SPDX-License-Identifier: MIT */
#include "source/setting.h"

#include <errno.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Blanks made single, none at either end. Returns the length. */
static size_t squeeze(struct span value, char *to, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < value.len && len + 1 < size; i++) {
		if (!is_blank(value.at[i]))
			to[len++] = value.at[i];
		else if (len > 0 && to[len - 1] != ' ')
			to[len++] = ' ';
	}
	return len > 0 && to[len - 1] == ' ' ? len - 1 : len;
}

int setting_put(struct table *t, const char *of, const char *what, struct span name,
	struct span value, bool secret)
{
	struct setting *row = table_add(t);
	char text[SETTING_VALUE_MAX];

	if (!row)
		return -ENOMEM;
	size_t len = squeeze(value, text, sizeof(text));

	row_put(t->schema, row, SETTING_of, table_intern(t, of, strlen(of)));
	row_put(t->schema, row, SETTING_what, table_intern(t, what, strlen(what)));
	row_put(t->schema, row, SETTING_name, table_intern(t, name.at, name.len));
	row_put(t->schema, row, secret ? SETTING_words : SETTING_value, table_intern(t, text, len));
	return 0;
}
