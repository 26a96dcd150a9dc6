/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "tests/unit/unit.h"

static void numbers_stop_at_overflow(void **state UNUSED)
{
	struct cursor c = cursor_of("18446744073709551615 18446744073709551616", 41);
	uint64_t value = 0;

	assert_true(cursor_u64(&c, &value));
	assert_true(value == UINT64_MAX);
	assert_false(cursor_u64(&c, &value));
	assert_int_equal(cursor_left(&c), 21);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stop_at_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
