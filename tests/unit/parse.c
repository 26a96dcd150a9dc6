/* SPDX-License-Identifier: MIT */
#include "source/source.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void meminfo_units_and_damage(void **state UNUSED)
{
	static const char text[] = "MemTotal:  100 kB\nMemFree: 5 kB\nNewName: 1 kB\n";
	struct table *t = table_new(schemas[TABLE_meminfo]);

	assert_int_equal(meminfo_parse(text, sizeof(text) - 1, t), 0);
	const struct meminfo *m = t->row;

	assert_int_equal(m->total_bytes, 102400);
	assert_false(row_has(m->has, MEMINFO_available_bytes));
	assert_int_equal(meminfo_parse("MemTotal: x\n", 12, t), -EINVAL);
	assert_int_equal(meminfo_parse("", 0, t), -ENODATA);
	table_unref(t);
}

static void executables(void **state UNUSED)
{
	static const struct {
		const char *link, *path;
		uint32_t deleted;
	} cases[] = { { "/usr/sbin/nginx", "/usr/sbin/nginx", 0 },
		{ "/usr/sbin/nginx (deleted)", "/usr/sbin/nginx", 1 },
		{ " (deleted)", " (deleted)", 0 } };
	struct table *t = table_new(schemas[TABLE_process_exe]);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(process_exe_parse(cases[i].link, strlen(cases[i].link), t), 0);
		const struct process_exe *e = table_at(t, i);

		assert_string_equal(table_text(t, e->path), cases[i].path);
		assert_int_equal(e->deleted, cases[i].deleted);
	}
	assert_int_equal(process_exe_parse("", 0, t), -ENODATA);
	table_unref(t);
}

/* The first name of a number stays; what is no user is skipped. */
static void user_names(void **state UNUSED)
{
	static const char text[] = "root:x:0:0::/:/bin/sh\n+::::::\n#no:x\n:x:5:5\n"
				   "a:x:4294967296:1\ntoor:x:0:0::/:/bin/sh\nwww:x:33:33";
	struct table *t = table_new(schemas[TABLE_user_name]);

	assert_int_equal(user_name_parse(text, sizeof(text) - 1, t), 0);
	assert_int_equal(table_sort(t), 0);
	assert_int_equal(t->n, 2);
	t->state = STATE_OK;
	const struct user_name *u = table_find(t, 0);

	assert_string_equal(table_text(t, u->name), "root");
	u = table_find(t, 33);
	assert_string_equal(table_text(t, u->name), "www");
	assert_int_equal(user_name_parse("+::::::\n", 8, t), -ENODATA);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(executables),
		cmocka_unit_test(user_names),
		cmocka_unit_test(meminfo_units_and_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
