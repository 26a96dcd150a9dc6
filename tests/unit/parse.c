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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meminfo_units_and_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
