/* SPDX-License-Identifier: MIT */
#include "base/few.h"
#include "tests/unit/unit.h"

enum { MAX = 3 };

struct few {
	int row[MAX + 1]; /* the last is nobody's: a guard */
	size_t n;
};

/* The largest first, of equals the first. */
static bool offer(struct few *f, int value)
{
	size_t at = f->n;

	while (at > 0 && f->row[at - 1] < value)
		at--;
	if (!few_open(f->row, sizeof(f->row[0]), &f->n, MAX, at))
		return false;
	f->row[at] = value;
	return true;
}

static void the_largest_stay_in_order(void **state UNUSED)
{
	static const int values[] = { 5, 1, 7, 3, 9 };
	struct few f = { .row = { [MAX] = 42 } };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_true(offer(&f, values[i]));
	assert_int_equal(f.n, MAX);
	assert_int_equal(f.row[0], 9);
	assert_int_equal(f.row[1], 7);
	assert_int_equal(f.row[2], 5);
	assert_false(offer(&f, 5));
	assert_false(offer(&f, 1));
	assert_int_equal(f.row[2], 5);
	assert_int_equal(f.row[MAX], 42);
}

static void fewer_than_there_is_room_for(void **state UNUSED)
{
	struct few f = { .row = { [MAX] = 42 } };

	assert_true(offer(&f, 1));
	assert_true(offer(&f, 2));
	assert_int_equal(f.n, 2);
	assert_int_equal(f.row[0], 2);
	assert_int_equal(f.row[1], 1);
	assert_int_equal(f.row[2], 0);
}

static void none_where_there_is_no_room(void **state UNUSED)
{
	size_t n = 0;
	int row = 42;

	assert_false(few_open(&row, sizeof(row), &n, 0, 0));
	assert_int_equal(n, 0);
	assert_int_equal(row, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_stay_in_order),
		cmocka_unit_test(fewer_than_there_is_room_for),
		cmocka_unit_test(none_where_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
