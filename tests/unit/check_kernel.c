/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "tests/unit/build_kernel.h"

#include <stdio.h>

extern const struct check check_kernel_raid, check_kernel_lockup, check_kernel_hung_task,
	check_kernel_machine_check, check_kernel_segfaults, check_kernel_link_flaps;

static struct md *add_array(struct scene *s, const char *level, uint64_t members, uint64_t working)
{
	struct md *a = build_row(&s->now, TABLE_md);

	a->name = build_text(&s->now, TABLE_md, "md0");
	a->state = build_text(&s->now, TABLE_md, "active");
	a->level = build_text(&s->now, TABLE_md, level);
	a->members = members;
	a->working = working;
	return a;
}

static void degraded_arrays(void **state UNUSED)
{
	static const struct {
		const char *level;
		uint64_t members, working, failed;
		int severity; /* -1: fine */
	} cases[] = {
		{ "raid1", 2, 2, 0, -1 },
		{ "raid1", 2, 1, 1, SEVERITY_WARNING },
		{ "raid1", 8, 4, 0, SEVERITY_INFO },
		{ "raid1", 3, 2, 1, SEVERITY_WARNING },
		{ "raid5", 3, 2, 0, SEVERITY_WARNING },
		{ "raid5", 3, 1, 0, SEVERITY_CRITICAL },
		{ "raid6", 4, 2, 0, SEVERITY_WARNING },
		{ "raid10", 4, 3, 0, SEVERITY_WARNING },
		{ "raid1", 2, 0, 0, SEVERITY_CRITICAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		begin(&s);
		add_array(&s, cases[i].level, cases[i].members, cases[i].working)->failed =
			cases[i].failed;
		if (cases[i].severity < 0)
			assert_int_equal(scene_judge(&s, &check_kernel_raid), VERDICT_FINE);
		else
			scene_sad(&s, &check_kernel_raid, (enum severity)cases[i].severity);
		scene_end(&s);
	}
}

/* No md in the kernel: no arrays. No right to look: unknown. */
static void no_arrays(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	build_table(&s.now, TABLE_md)->state = STATE_ABSENT;
	assert_int_equal(scene_judge(&s, &check_kernel_raid), VERDICT_FINE);
	s.now.at[TABLE_md]->state = STATE_DENIED;
	assert_int_equal(scene_judge(&s, &check_kernel_raid), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void lockups(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	struct klog_event *e = add_event(&s, KLOG_SOFT_LOCKUP, "kworker/1:1", 1, 2 * SECOND);

	e->cpu = 3;
	const struct finding *f = scene_sad(&s, &check_kernel_lockup, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	assert_string_equal(f->culprits[1].name, "kworker/1:1");
	assert_non_null(strstr(f->title, "CPU 3"));
	/* A virtual machine that was paused. */
	struct host_row *h = build_row(&s.now, TABLE_host);

	h->hypervisor = 1;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_INFO);
	e->n = 2;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_WARNING);
	e->n = 3;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
	e->last_ns = UP - 2 * HOUR;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_INFO);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_lockup), VERDICT_FINE);
	e = add_event(&s, KLOG_HARD_LOCKUP, "", 1, SECOND);
	scene_sad(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
	scene_end(&s);
}

/* Resumed, a guest complains of each CPU, and of each in several ways, all at once. */
static void one_pause_of_many_cpus(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	struct host_row *h = build_row(&s.now, TABLE_host);

	h->hypervisor = 1;
	for (unsigned int cpu = 0; cpu < 16; cpu++)
		add_event(&s, KLOG_SOFT_LOCKUP, "swapper", 1, (30 + cpu) * SECOND)->cpu = cpu;
	add_event(&s, KLOG_WORKQUEUE, "", 2, 31 * SECOND)->cpu = 3; /* of both its nices */
	build_unset(add_event(&s, KLOG_RCU_STALL, "", 2, 20 * SECOND), KLOG_EVENT_cpu);
	scene_sad(&s, &check_kernel_lockup, SEVERITY_INFO);
	/* Again at once, of another task. */
	struct klog_event *e = add_event(&s, KLOG_SOFT_LOCKUP, "loop", 1, 20 * SECOND);

	e->cpu = 3;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
	e->cpu = 16;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_INFO);
	/* Again, 20 minutes before. */
	e = add_event(&s, KLOG_RCU_STALL, "", 1, HOUR / 3);

	scene_sad(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
	e->first_ns = e->last_ns = UP - 2 * HOUR;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_INFO);
	/* Hardware has no such excuse. */
	h->hypervisor = 0;
	scene_sad(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
	scene_end(&s);
}

static void hung_tasks(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	assert_int_equal(scene_judge(&s, &check_kernel_hung_task), VERDICT_UNKNOWN);
	struct klog_hung *k = build_row(&s.now, TABLE_klog_hung);
	struct process *was = build_row(&s.was, TABLE_process);
	struct process *p = build_row(&s.now, TABLE_process);

	was->pid = 9;
	k->comm = build_text(&s.now, TABLE_klog_hung, "postgres");
	k->pid = p->pid = 9;
	k->at_ns = UP - HOUR;
	k->blocked_ns = 120 * SECOND;
	p->start_ns = HOUR;
	p->state = 'D';
	const struct finding *f = scene_sad(&s, &check_kernel_hung_task, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].pid, 9);
	assert_true(f->since_ns == UP - HOUR - 120 * SECOND);
	/* Said again, of the same task. */
	*(struct klog_hung *)build_row(&s.now, TABLE_klog_hung) =
		*(struct klog_hung *)s.now.at[TABLE_klog_hung]->row;
	((struct klog_hung *)table_at(s.now.at[TABLE_klog_hung], 1))->sequence = 2;
	f = scene_sad(&s, &check_kernel_hung_task, SEVERITY_WARNING);
	assert_int_equal(f->n_victims, 1);
	p->state = 'S';
	f = scene_sad(&s, &check_kernel_hung_task, SEVERITY_INFO);
	assert_string_equal(
		f->title, "postgres (pid 9) hung 1 h ago, for more than 2 min: now it does not");
	p->state = 'D';
	p->start_ns = UP - SECOND; /* another process of that pid */
	scene_sad(&s, &check_kernel_hung_task, SEVERITY_INFO);
	for (size_t i = 0; i < 2; i++)
		((struct klog_hung *)table_at(s.now.at[TABLE_klog_hung], i))->at_ns =
			UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_hung_task), VERDICT_FINE);
	scene_end(&s);
}

static void hardware_errors(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	struct klog_event *e = add_event(&s, KLOG_CORRECTED, "DIMM_A1", 9, SECOND);

	scene_sad(&s, &check_kernel_machine_check, SEVERITY_INFO);
	e->n = 10;
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_WARNING);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_machine_check), VERDICT_FINE);
	e->last_ns = UP;
	/* A link corrects itself. */
	e->device = build_text(&s.now, TABLE_klog_event, "0000:00:1c.0");
	e->n = 5000;
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_INFO);
	e->n = 9;
	assert_int_equal(scene_judge(&s, &check_kernel_machine_check), VERDICT_FINE);
	/* What a device does not support is such an error too. */
	e->kind = build_text(&s.now, TABLE_klog_event, KLOG_NONFATAL);
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_WARNING);
	e->n = 2;
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_INFO);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_machine_check), VERDICT_FINE);
	e->last_ns = UP;
	e->kind = build_text(&s.now, TABLE_klog_event, KLOG_UNCORRECTED);
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_CRITICAL);
	e->device = build_text(&s.now, TABLE_klog_event, "DIMM_A1");
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_CRITICAL);
	e->last_ns = UP - 2 * HOUR;
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_WARNING);
	e->last_ns = UP - 50 * HOUR;
	scene_sad(&s, &check_kernel_machine_check, SEVERITY_INFO);
	scene_end(&s);
}

/* A harmless error of this hour makes one of yesterday that was none no younger. */
static void a_link_that_broke_yesterday(void **state UNUSED)
{
	static const char link[] = "0000:00:1c.0";
	struct scene s;

	begin(&s);
	add_event(&s, KLOG_UNCORRECTED, link, 1, 20 * HOUR);
	add_event(&s, KLOG_NONFATAL, link, 1, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_machine_check, SEVERITY_WARNING);

	assert_string_equal(f->title,
		"0000:00:1c.0: 1 hardware error that could not be corrected in a day, the last "
		"20 h ago");
	struct klog_event *e = s.now.at[TABLE_klog_event]->row;

	e->first_ns = e->last_ns = UP - 30 * HOUR;
	f = scene_sad(&s, &check_kernel_machine_check, SEVERITY_INFO);
	assert_non_null(strstr(f->title, ": 1 hardware error, not fatal in a day"));
	scene_end(&s);
}

static void crashes(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	struct klog_event *e = add_event(&s, KLOG_SEGFAULT, "php-fpm", 4, SECOND);

	e->pid = 77;
	add_event(&s, KLOG_SEGFAULT, "bash", 4, SECOND);
	assert_int_equal(scene_judge(&s, &check_kernel_segfaults), VERDICT_FINE);
	((struct klog_event *)s.now.at[TABLE_klog_event]->row)->n = 5;
	const struct finding *f = scene_sad(&s, &check_kernel_segfaults, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].pid, 77);
	((struct klog_event *)s.now.at[TABLE_klog_event]->row)->last_ns = UP - 2 * HOUR;
	scene_sad(&s, &check_kernel_segfaults, SEVERITY_INFO);
	scene_end(&s);
}

static void links(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_UNKNOWN);
	struct carrier *was = build_row(&s.was, TABLE_carrier);
	struct carrier *now = build_row(&s.now, TABLE_carrier);

	was->name = build_text(&s.was, TABLE_carrier, "eth0");
	now->name = build_text(&s.now, TABLE_carrier, "eth0");
	was->changes = now->changes = 9;
	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_FINE);
	now->changes = 10;
	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_FINE);
	now->changes = 11; /* one loss and its return */
	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_FINE);
	now->changes = 12;
	const struct finding *f = scene_sad(&s, &check_kernel_link_flaps, SEVERITY_WARNING);

	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_string_equal(f->culprits[0].name, "eth0");
	now->changes = 9;
	struct klog_event *e = add_event(&s, KLOG_LINK_DOWN, "eth0", 2, SECOND);

	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_FINE);
	e->n = 3;
	scene_sad(&s, &check_kernel_link_flaps, SEVERITY_WARNING);
	e->last_ns = UP - 2 * HOUR;
	scene_sad(&s, &check_kernel_link_flaps, SEVERITY_INFO);
	e->last_ns = UP;
	now->virtual = 1; /* containers end */
	scene_sad(&s, &check_kernel_link_flaps, SEVERITY_INFO);
	now->virtual = 0;
	/* Of another namespace, gone, or no interface at all: "libfc: Link down". */
	now->name = build_text(&s.now, TABLE_carrier, "eth1");
	scene_sad(&s, &check_kernel_link_flaps, SEVERITY_INFO);
	s.now.at[TABLE_carrier]->state = STATE_DENIED;
	scene_sad(&s, &check_kernel_link_flaps, SEVERITY_WARNING);
	scene_end(&s);
}

/* A card that is set up while the host boots. */
static void links_of_a_boot(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	s.now.boottime_ns = HOUR / 2;
	struct klog_event *e = add_event(&s, KLOG_LINK_DOWN, "eth0", 4, 0);

	e->first_ns = 20 * SECOND;
	e->last_ns = 90 * SECOND;
	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_FINE);
	e->last_ns = 900 * SECOND;
	scene_sad(&s, &check_kernel_link_flaps, SEVERITY_WARNING);
	scene_end(&s);
}

/* What was summed up for want of room is not silence: who finds nothing else does not know. */
static void events_without_names(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	struct klog_event *e = add_event(&s, KLOG_SEGFAULT, "", 9000, HOUR);

	row_set(&e->has, KLOG_EVENT_folded);
	e->folded = 5000;
	assert_int_equal(scene_judge(&s, &check_kernel_segfaults), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_LATE);
	/* Of that kind alone. */
	assert_int_equal(scene_judge(&s, &check_kernel_machine_check), VERDICT_FINE);
	add_event(&s, KLOG_SEGFAULT, "php-fpm", 5, SECOND);
	scene_sad(&s, &check_kernel_segfaults, SEVERITY_WARNING);
	scene_end(&s);

	begin(&s);
	e = add_event(&s, KLOG_SEGFAULT, "", 9000, 25 * HOUR);
	e->folded = 5000;
	assert_int_equal(scene_judge(&s, &check_kernel_segfaults), VERDICT_FINE);
	scene_end(&s);
}

/* The last of a thousand programs is found behind the others. */
static void many_programs(void **state UNUSED)
{
	struct scene s;
	char name[16];

	begin(&s);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		add_event(&s, KLOG_SEGFAULT, name, 1, HOUR);
	}
	add_event(&s, KLOG_SEGFAULT, "php-fpm", 5, SECOND);
	assert_string_equal(
		scene_sad(&s, &check_kernel_segfaults, SEVERITY_WARNING)->culprits[0].name,
		"php-fpm");
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(degraded_arrays),
		cmocka_unit_test(no_arrays),
		cmocka_unit_test(lockups),
		cmocka_unit_test(hung_tasks),
		cmocka_unit_test(hardware_errors),
		cmocka_unit_test(a_link_that_broke_yesterday),
		cmocka_unit_test(crashes),
		cmocka_unit_test(links),
		cmocka_unit_test(links_of_a_boot),
		cmocka_unit_test(one_pause_of_many_cpus),
		cmocka_unit_test(events_without_names),
		cmocka_unit_test(many_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
