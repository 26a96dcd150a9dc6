/* SPDX-License-Identifier: MIT */
/* What murphy why says in words. */
#include "tests/unit/build.h"
#include "view/why.h"

enum { PID = 500 };
#define WATCHED (3 * SECOND)

/* The kernel computes for it, but it would not without the limit: the verdict names that. */
static void thrashing_where_the_disk_is_fast(void **state UNUSED)
{
	for (int thrashes = 0; thrashes < 2; thrashes++) {
		struct why y = { .sampled = true,
			.all_ns = WATCHED,
			.busy_ns = WATCHED,
			.watched_ns = WATCHED,
			.tasks = 1,
			.processes = 1,
			.part = { { .state = WHY_SYSTEM, .ns = WATCHED, .tasks = 1 } },
			.n_parts = 1,
			.leading = WHY_SYSTEM,
			.thrashes = thrashes,
			.major_faults_per_s = reading_of(480),
			.memory = { "/small", 900 } };
		struct why_report r = { .why = &y, .who = "svc (pid 500)" };
		struct arena a = { 0 };

		assert_int_equal(why_explain(&r, &a), 0);
		assert_int_equal(strstr(r.verdict, "the control group /small") != NULL, thrashes);
		assert_int_equal(strstr(r.verdict, "480 times a second") != NULL, thrashes);
		arena_release(&a);
	}
}

/* kill -CONT of 20 of 300 lets only those go on: that is to be said. */
static void commands_that_name_some(void **state UNUSED)
{
	static const enum why_state leading[] = { WHY_USER, WHY_CPU, WHY_DISK, WHY_STOPPED };
	uint64_t pid[300];

	for (size_t i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = PID + i;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(leading); i++) {
		struct why y = { .sampled = true,
			.all_ns = WATCHED,
			.watched_ns = WATCHED,
			.part = { { .state = leading[i / 2], .ns = WATCHED, .tasks = 1 } },
			.n_parts = 1,
			.leading = leading[i / 2] };
		size_t n = i % 2 ? 20 : ARRAY_SIZE(pid), told = 0;
		struct why_report r = { .why = &y, .who = "pool", .pid = pid, .n_pids = n };
		struct arena a = { 0 };

		assert_int_equal(why_explain(&r, &a), 0);
		for (size_t k = 0; k < r.n_todo; k++) {
			const char *all = strstr(r.todo[k], "519"),
				   *some = strstr(r.todo[k], "(the");

			assert_int_equal(all && n > 20, some != NULL);
			if (some)
				assert_memory_equal(some, "(the first 20 of 300):  ", 24);
			told += some != NULL;
		}
		assert_int_equal(told > 0, n > 20);
		arena_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thrashing_where_the_disk_is_fast),
		cmocka_unit_test(commands_that_name_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
