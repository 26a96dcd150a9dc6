/* SPDX-License-Identifier: MIT */
/* time.unsynced. */
#include "tests/unit/build.h"

extern const struct check check_time_unsynced;

/* In both frames, since boot. */
static struct process *add_process(struct scene *s, uint64_t pid, const char *comm)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);

	was->pid = now->pid = pid;
	now->comm = build_text(&s->now, TABLE_process, comm);
	return now;
}

/* Status and error of the kernel's clock; up for 1002 s, nothing running but a kernel thread. */
static struct timekeeping *add_time(struct scene *s, uint64_t status, uint64_t max_error_ns)
{
	struct timekeeping *was = build_row(&s->was, TABLE_timekeeping);
	struct timekeeping *now = build_row(&s->now, TABLE_timekeeping);

	was->status = now->status = status;
	was->max_error_ns = now->max_error_ns = max_error_ns;
	was->boottime_ns = s->was.boottime_ns;
	now->boottime_ns = s->now.boottime_ns;
	was->walltime_ns = UINT64_C(1795373716) * SECOND; /* 22 November 2026 */
	now->walltime_ns = was->walltime_ns + 2 * SECOND;
	add_process(s, 2, "kthreadd")->kthread = 1;
	return now;
}

#define LOST (16 * SECOND)

static void a_clock_that_is_kept_is_fine(void **state UNUSED)
{
	static const struct {
		uint64_t status, error;
	} fine[] = {
		{ 1, SECOND },            /* timesyncd, its slowest poll */
		{ 0x40, SECOND / 50 },    /* chrony without rtcsync */
		{ 0x40, 4 * SECOND - 1 }, /* the same, long ago */
		{ 0x40, LOST },           /* nobody keeps it: told */
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		scene_start(&s);
		add_time(&s, fine[i].status, fine[i].error);
		enum verdict v = scene_judge(&s, &check_time_unsynced);

		assert_int_equal(v, fine[i].error == LOST ? VERDICT_SAD : VERDICT_FINE);
		if (v == VERDICT_SAD)
			assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
		scene_end(&s);
	}
	scene_start(&s);
	add_time(&s, 1, 4 * SECOND);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	scene_end(&s);
	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* Nothing that may set the clock comes before the look how far it is off. */
static void the_distance_is_measured_first(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_time(&s, 0x40, LOST);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_non_null(strstr(scene_only(&s)->todo[0], "see how far it is off"));
	add_process(&s, 30, "chronyd")->start_ns = SECOND;
	build_row(&s.now, TABLE_process_cmd);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_non_null(strstr(scene_only(&s)->todo[0], "see how far it is off"));
	scene_end(&s);
}

static void a_daemon_that_fails_is_a_warning(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_time(&s, 0x40, LOST);
	struct process *p = add_process(&s, 30, "chronyd");

	p->start_ns = 103 * SECOND; /* 14 min 59 s old */
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_ASK);
	build_row(&s.now, TABLE_process_cmd);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_FINE);
	((struct process *)table_find(s.now.at[TABLE_process], 30))->start_ns = 102 * SECOND;
	((struct process *)table_find(s.was.at[TABLE_process], 30))->start_ns = 102 * SECOND;
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_int_equal(scene_only(&s)->culprits[0].pid, 30);
	assert_string_equal(
		scene_only(&s)->title, "chronyd (pid 30) runs and the clock is not synchronised");
	scene_end(&s);
}

static void a_daemon_that_does_not_tell_is_fine(void **state UNUSED)
{
	static const char *const silent[] = { "/usr/sbin/ntpd -x -g", "ntpd -gx",
		"ntpd: ntp engine", "/usr/sbin/chronyd -F 1 -x" };
	struct scene s;

	for (size_t i = 0; i <= ARRAY_SIZE(silent); i++) {
		scene_start(&s);
		add_time(&s, 0x40, LOST);
		add_process(&s, 30, i == 3 ? "chronyd" : "ntpd");
		struct process_cmd *cmd = build_row(&s.now, TABLE_process_cmd);

		cmd->pid = 30;
		cmd->line = build_text(&s.now, TABLE_process_cmd,
			i < ARRAY_SIZE(silent) ? silent[i] : "/usr/sbin/ntpd --no-x -u ntp:ntp");
		assert_int_equal(scene_judge(&s, &check_time_unsynced),
			i < ARRAY_SIZE(silent) ? VERDICT_FINE : VERDICT_SAD);
		scene_end(&s);
	}
}

static void who_has_no_daemon_is_told(void **state UNUSED)
{
	struct scene s;

	scene_start(&s); /* booted just now */
	s.now.boottime_ns = 899 * SECOND;
	s.was.boottime_ns = 897 * SECOND;
	add_time(&s, 0x40, LOST);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s);
	s.now.boottime_ns = 86400 * SECOND;
	s.was.boottime_ns = 86398 * SECOND;
	add_time(&s, 0x40, LOST);
	add_process(&s, 30, "VBoxService");
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_non_null(strstr(scene_only(&s)->cause, "VBoxService (pid 30)"));
	add_process(&s, 31, "cockroach");
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_int_equal(scene_only(&s)->victims[0].pid, 31);
	/* Hyper-V keeps its guests' time. */
	struct cpu_type *cpu = build_row(&s.now, TABLE_cpu_type);

	cpu->signature = build_text(&s.now, TABLE_cpu_type, "Microsoft Hv");
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	scene_end(&s);

	scene_start(&s); /* a container: no kernel thread */
	s.now.boottime_ns = 86400 * SECOND;
	s.was.boottime_ns = 86398 * SECOND;
	add_time(&s, 0x40, LOST);
	((struct process *)table_at(s.now.at[TABLE_process], 0))->kthread = 0;
	add_process(&s, 31, "ceph-mon");
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_non_null(strstr(scene_only(&s)->cause, "container"));
	scene_end(&s);
}

static void a_step_is_more_than_a_slew(void **state UNUSED)
{
	static const struct {
		int64_t step_ms;
		enum verdict want;
		enum severity severity;
	} cases[] = {
		{ 450, VERDICT_FINE, SEVERITY_INFO },
		{ -450, VERDICT_FINE, SEVERITY_INFO },
		{ 460, VERDICT_SAD, SEVERITY_INFO },
		{ -460, VERDICT_SAD, SEVERITY_INFO },
		{ -1000, VERDICT_SAD, SEVERITY_WARNING },
		{ 3600000, VERDICT_SAD, SEVERITY_WARNING },
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scene_start(&s);
		struct timekeeping *t = add_time(&s, 1, SECOND / 100);

		t->walltime_ns += (uint64_t)(cases[i].step_ms * 1000000);
		assert_int_equal(scene_judge(&s, &check_time_unsynced), cases[i].want);
		if (cases[i].want == VERDICT_SAD)
			assert_int_equal(scene_only(&s)->severity, cases[i].severity);
		scene_end(&s);
	}
	scene_start(&s); /* murphy was stopped between the two clocks */
	struct timekeeping *t = add_time(&s, 1, SECOND / 100);

	t->walltime_ns += 60 * SECOND;
	build_unset(t, TIMEKEEPING_boottime_ns);
	assert_int_equal(scene_judge(&s, &check_time_unsynced), VERDICT_FINE);
	scene_end(&s);
}

static void leap_seconds_have_their_days(void **state UNUSED)
{
	static const struct {
		uint64_t wall_s, status;
		uint32_t kernel;
		enum verdict want;
	} cases[] = {
		{ 1483228799, 0x11, 1, VERDICT_FINE }, /* 31 December 2016 23:59:59 */
		{ 1435708700, 0x11, 1, VERDICT_FINE }, /* 30 June 2015 */
		{ 1795373716, 0x11, 1, VERDICT_SAD }, { 1795373716, 0x21, 2, VERDICT_SAD },
		{ 1483228805, 0x11, 4, VERDICT_FINE }, /* over, the flag is still set */
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scene_start(&s);
		struct timekeeping *t = add_time(&s, cases[i].status, SECOND / 100);

		t->state = cases[i].kernel;
		t->walltime_ns = cases[i].wall_s * SECOND;
		build_unset(table_at(s.was.at[TABLE_timekeeping], 0), TIMEKEEPING_walltime_ns);
		if (scene_judge(&s, &check_time_unsynced) != cases[i].want)
			fail_msg("case %zu", i);
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_is_kept_is_fine),
		cmocka_unit_test(the_distance_is_measured_first),
		cmocka_unit_test(a_daemon_that_fails_is_a_warning),
		cmocka_unit_test(a_daemon_that_does_not_tell_is_fine),
		cmocka_unit_test(who_has_no_daemon_is_told),
		cmocka_unit_test(a_step_is_more_than_a_slew),
		cmocka_unit_test(leap_seconds_have_their_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
