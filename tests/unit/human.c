/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "tests/unit/unit.h"

static void three_digits_and_a_unit(void **state UNUSED)
{
	assert_string_equal(human_bytes(0).s, "0 B");
	assert_string_equal(human_bytes(1023).s, "1023 B");
	assert_string_equal(human_bytes(1536).s, "1.5 KiB");
	assert_string_equal(human_bytes(77.0 * 1024 * 1024 * 1024).s, "77 GiB");
	assert_string_equal(human_bytes(1024.0 * 1024 * 1024 - 1).s, "1 GiB");
	assert_string_equal(human_ns(2.5e9).s, "2.5 s");
	assert_string_equal(human_ns(59e9).s, "59 s");
	assert_string_equal(human_ns(3 * 3600e9).s, "3 h");
	assert_string_equal(human_count(812).s, "812");
	assert_string_equal(human_count(15300).s, "15 k");
	assert_string_equal(human_number(1024).s, "1024");
	assert_string_equal(human_number(99999).s, "99999");
	assert_string_equal(human_number(100000).s, "100 k");
	assert_string_equal(human_number(15300.5).s, "15 k");
	assert_string_equal(human_ratio(0.0042).s, "0.4 %");
	assert_string_equal(human_ratio(0.613).s, "61 %");
	assert_string_equal(human_ratio(0).s, "0 %");
	assert_string_equal(human_ratio(0.0001).s, "<0.1 %");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_digits_and_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
