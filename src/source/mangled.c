/* SPDX-License-Identifier: MIT */
#include "source/mangled.h"

enum { PATH_SIZE = 4096 };

/* Digits of \ooo at at, or -1. */
static int octal(const char *at, const char *end)
{
	if (end - at < 4 || at[0] != '\\')
		return -1;
	int value = 0;

	for (int i = 1; i < 4; i++) {
		if (at[i] < '0' || at[i] > '7')
			return -1;
		value = value * 8 + (at[i] - '0');
	}
	return value > 255 ? -1 : value;
}

text_t mangled_intern(struct table *t, struct span s)
{
	const char *at = s.at, *end = s.at + s.len;
	char text[PATH_SIZE];
	size_t len = 0;

	while (at < end && len < sizeof(text)) {
		int code = octal(at, end);

		text[len++] = code < 0 ? *at : (char)code;
		at += code < 0 ? 1 : 4;
	}
	return table_intern(t, text, len);
}
