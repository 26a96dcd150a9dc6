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

/* Who is gone gets no advice; a zombie's parent does. */
static void ended_and_zombie(void **state UNUSED)
{
	const uint64_t pid = PID;
	struct why y = { .sampled = true,
		.all_ns = WATCHED,
		.watched_ns = WATCHED,
		.part = { { .state = WHY_STOPPED, .ns = WATCHED, .tasks = 1 } },
		.n_parts = 1,
		.leading = WHY_STOPPED,
		.ended = 1 };
	struct why_report r = { .why = &y, .who = "svc (pid 500)", .pid = &pid, .n_pids = 1 };
	struct arena a = { 0 };

	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.verdict, "svc (pid 500) ended while it was watched, after 3"));
	assert_int_equal(r.n_todo, 1);
	assert_null(strstr(r.todo[0], "kill"));
	y.ended = 0;
	y.zombies = 1;
	y.reaper = "cron (pid 12)";
	r.n_todo = 0;
	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.verdict, "zombie, since its parent cron (pid 12) has not"));
	assert_null(strstr(r.verdict, "nothing to do"));
	/* One of two: the other's story is told, and this as a fact. */
	const uint64_t two[] = { PID, PID + 1 };

	r.pid = two;
	r.n_pids = 2;
	r.n_todo = r.n_facts = 0;
	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.verdict, "is stopped"));
	assert_non_null(strstr(r.fact[0], "1 of 2 ended"));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ended_and_zombie),
		cmocka_unit_test(thrashing_where_the_disk_is_fast),
		cmocka_unit_test(commands_that_name_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
