/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>

/*
 * Parse /etc/passwd. Users of LDAP and the like are not in it: their numbers stay numbers. Pure.
 *
 * Shape:  "NAME:PASSWORD:UID:..."; a line that is not of this form ("+" of NIS, a comment) is
 *         skipped, as the C library does.
 * Errors: -ENODATA no user at all.
 * Source: passwd(5).
 */
int user_name_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;

	while (cursor_line(&c, &line)) {
		struct span name, password, number;
		uint64_t uid;

		if (!cursor_until(&line, ':', &name) || !cursor_until(&line, ':', &password) ||
			!cursor_until(&line, ':', &number) || name.len == 0)
			continue;
		struct cursor digits = cursor_span(number);

		if (!cursor_u64(&digits, &uid) || !cursor_end(&digits) || uid > UINT32_MAX)
			continue;
		text_t text = table_intern(t, name.at, name.len);
		struct user_name *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, USER_NAME_uid, uid);
		row_put(t->schema, row, USER_NAME_name, text);
	}
	return t->n > before ? 0 : -ENODATA;
}

static int read_user_name(struct probe *p)
{
	return probe_parse(p, TABLE_user_name, "etc/passwd", 1 << 20, user_name_parse);
}

const struct source source_user_name = {
	.name = "user_name",
	.fills = { TABLE_user_name },
	.deadline_ns = 500000000,
	.read = read_user_name,
};
