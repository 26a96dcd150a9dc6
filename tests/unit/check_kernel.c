/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "sample/klog_kind.h"
#include "tests/unit/build.h"

extern const struct check check_kernel_io_errors, check_kernel_read_only, check_kernel_raid,
	check_kernel_lockup, check_kernel_hung_task, check_kernel_machine_check,
	check_kernel_segfaults, check_kernel_link_flaps;

#define DEV(major, minor) ((uint64_t)(major) << 32 | (minor))
#define HOUR (3600 * SECOND)
#define UP (100 * HOUR)

/* A host that is up for 100 hours. */
static void begin(struct scene *s)
{
	scene_start(s);
	s->was.boottime_ns = UP - 2 * SECOND;
	s->now.boottime_ns = UP;
}

/* n events age_ns ago; a name of a segfault is a program's. */
static struct klog_event *add_event(
	struct scene *s, const char *kind, const char *name, uint64_t n, uint64_t age_ns)
{
	struct klog_event *e = build_row(&s->now, TABLE_klog_event);
	bool crash = strcmp(kind, KLOG_SEGFAULT) == 0 || strcmp(kind, KLOG_SOFT_LOCKUP) == 0;

	e->sequence = s->now.at[TABLE_klog_event]->n;
	e->kind = build_text(&s->now, TABLE_klog_event, kind);
	if (crash)
		e->comm = build_text(&s->now, TABLE_klog_event, name);
	else
		e->device = build_text(&s->now, TABLE_klog_event, name);
	e->n = n;
	e->first_ns = e->last_ns = UP - age_ns;
	return e;
}

static void add_disk(struct scene *s, uint64_t dev, const char *name, bool partition)
{
	struct disk *was = build_row(&s->was, TABLE_disk), *now = build_row(&s->now, TABLE_disk);

	was->dev = now->dev = dev;
	now->name = build_text(&s->now, TABLE_disk, name);
	now->partition = partition;
}

static struct mount *add_mount(
	struct scene *s, uint64_t id, uint64_t dev, const char *target, const char *type)
{
	struct mount *m = build_row(&s->now, TABLE_mount);

	m->id = id;
	m->dev = dev;
	m->target = build_text(&s->now, TABLE_mount, target);
	m->fstype = build_text(&s->now, TABLE_mount, type);
	return m;
}

static const struct finding *only(struct scene *s, const struct check *c, enum severity severity)
{
	assert_int_equal(scene_judge(s, c), VERDICT_SAD);
	assert_int_equal(s->judgement.n_findings, 1);
	const struct finding *f = s->judgement.finding[0];

	assert_string_equal(f->id, c->id);
	assert_int_equal(f->severity, severity);
	assert_true(f->n_culprits > 0 && f->n_evidence > 0 && f->n_todo > 0);
	assert_true(f->title[0] && f->cause[0] && f->refuted_if[0]);
	return f;
}

static void a_failing_disk(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	build_table(&s.now, TABLE_klog_event);
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_disk(&s, DEV(8, 1), "sda1", true);
	add_mount(&s, 3, DEV(8, 1), "/data", "ext4");
	add_event(&s, KLOG_IO, "fd0", 40, SECOND);
	add_event(&s, KLOG_IO, "sr0", 40, SECOND);
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	/* Yesterday's only error is over; ten are not. */
	struct klog_event *e = add_event(&s, KLOG_IO, "sda", 9, 20 * HOUR);

	only(&s, &check_kernel_io_errors, SEVERITY_INFO);
	e->n = 10;
	only(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	e->last_ns = UP - HOUR;
	e->n = 1;
	const struct finding *f = only(&s, &check_kernel_io_errors, SEVERITY_WARNING);

	assert_string_equal(f->culprits[0].name, "sda");
	assert_string_equal(f->victims[0].name, "/data");
	/* The partition's lost pages are the disk's. */
	add_event(&s, KLOG_LOST_WRITE, "sda1", 3, SECOND);
	f = only(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	assert_string_equal(f->culprits[0].name, "sda");
	scene_end(&s);
}

static void hiccups_and_what_was_pulled_out(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(259, 0), "nvme0n1", false);
	struct klog_event *e = add_event(&s, KLOG_DRIVER, "nvme0", 2, SECOND);

	e->what = build_text(&s.now, TABLE_klog_event, "timeout");
	const struct finding *f = only(&s, &check_kernel_io_errors, SEVERITY_INFO);

	assert_string_equal(f->culprits[0].name, "nvme0n1");
	e->n = 3;
	only(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	add_mount(&s, 3, DEV(259, 0), "/", "ext4");
	only(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	e->what = build_text(&s.now, TABLE_klog_event, "controller is down");
	only(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	scene_end(&s);

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_event(&s, KLOG_LOST_WRITE, "sdb", 100, SECOND);
	only(&s, &check_kernel_io_errors, SEVERITY_INFO);
	add_event(&s, KLOG_IO, "loop0", 100, SECOND);
	scene_judge(&s, &check_kernel_io_errors);
	assert_int_equal(s.judgement.n_findings, 2);
	assert_int_equal(s.judgement.finding[1]->severity, SEVERITY_INFO);
	scene_end(&s);
}

/* A log without times (dmesg -T) tells that it was, not when. */
static void unknown_age(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	struct klog_event *e = add_event(&s, KLOG_IO, "sda", 100, 0);

	e->first_ns = e->last_ns = 0;
	build_unset(e, KLOG_EVENT_first_ns);
	build_unset(e, KLOG_EVENT_last_ns);
	only(&s, &check_kernel_io_errors, SEVERITY_INFO);
	assert_int_equal(scene_judge(&s, &check_kernel_segfaults), VERDICT_FINE);
	scene_end(&s);
}

static void turned_read_only(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_UNKNOWN);
	add_disk(&s, DEV(8, 1), "sda1", true);
	struct mount *m = add_mount(&s, 3, DEV(8, 1), "/data", "ext4");

	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_FINE);
	m->read_only = m->turned_read_only = 1;
	only(&s, &check_kernel_read_only, SEVERITY_CRITICAL);
	add_event(&s, KLOG_READ_ONLY, "sda1", 1, 50 * HOUR);
	add_event(&s, KLOG_FS, "sda1", 2, 50 * HOUR);
	const struct finding *f = only(&s, &check_kernel_read_only, SEVERITY_CRITICAL);

	assert_string_equal(f->culprits[0].name, "/data");
	assert_string_equal(f->culprits[1].name, "sda1");
	/* It is this one's story alone. */
	((struct klog_event *)table_at(s.now.at[TABLE_klog_event], 1))->last_ns = UP;
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	/* A stick. */
	((struct mount *)s.now.at[TABLE_mount]->row)->target =
		build_text(&s.now, TABLE_mount, "/media/stick");
	only(&s, &check_kernel_read_only, SEVERITY_WARNING);
	/* Another mount of it is read-only on purpose: then this one only looks so. */
	add_mount(&s, 4, DEV(8, 1), "/ro", "ext4")->read_only = 1;
	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_FINE);
	scene_end(&s);
}

static void xfs_tells_only_the_log(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(253, 0), "dm-0", false);
	add_mount(&s, 3, DEV(253, 0), "/srv", "xfs");
	add_event(&s, KLOG_READ_ONLY, "dm-0", 1, 2 * HOUR);
	only(&s, &check_kernel_read_only, SEVERITY_CRITICAL);
	add_event(&s, KLOG_MOUNTED, "dm-0", 1, HOUR);
	only(&s, &check_kernel_read_only, SEVERITY_INFO); /* mended today */
	((struct klog_event *)s.now.at[TABLE_klog_event]->row)->last_ns = UP - 30 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_FINE);
	scene_end(&s);
}

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
			only(&s, &check_kernel_raid, (enum severity)cases[i].severity);
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
	const struct finding *f = only(&s, &check_kernel_lockup, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	assert_string_equal(f->culprits[1].name, "kworker/1:1");
	assert_non_null(strstr(f->title, "CPU 3"));
	/* A virtual machine that was paused. */
	struct host_row *h = build_row(&s.now, TABLE_host);

	h->hypervisor = 1;
	only(&s, &check_kernel_lockup, SEVERITY_INFO);
	e->n = 2;
	only(&s, &check_kernel_lockup, SEVERITY_WARNING);
	e->n = 3;
	only(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
	e->last_ns = UP - 2 * HOUR;
	only(&s, &check_kernel_lockup, SEVERITY_INFO);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_lockup), VERDICT_FINE);
	e = add_event(&s, KLOG_HARD_LOCKUP, "", 1, SECOND);
	only(&s, &check_kernel_lockup, SEVERITY_CRITICAL);
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
	const struct finding *f = only(&s, &check_kernel_hung_task, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].pid, 9);
	assert_true(f->since_ns == UP - HOUR - 120 * SECOND);
	/* Said again, of the same task. */
	*(struct klog_hung *)build_row(&s.now, TABLE_klog_hung) =
		*(struct klog_hung *)s.now.at[TABLE_klog_hung]->row;
	((struct klog_hung *)table_at(s.now.at[TABLE_klog_hung], 1))->sequence = 2;
	f = only(&s, &check_kernel_hung_task, SEVERITY_WARNING);
	assert_int_equal(f->n_victims, 1);
	p->state = 'S';
	f = only(&s, &check_kernel_hung_task, SEVERITY_INFO);
	assert_string_equal(
		f->title, "postgres (pid 9) hung 1 h ago, for more than 2 min: now it does not");
	p->state = 'D';
	p->start_ns = UP - SECOND; /* another process of that pid */
	only(&s, &check_kernel_hung_task, SEVERITY_INFO);
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

	only(&s, &check_kernel_machine_check, SEVERITY_INFO);
	e->n = 10;
	only(&s, &check_kernel_machine_check, SEVERITY_WARNING);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_machine_check), VERDICT_FINE);
	e->last_ns = UP;
	/* A link corrects itself. */
	e->device = build_text(&s.now, TABLE_klog_event, "0000:00:1c.0");
	e->n = 5000;
	only(&s, &check_kernel_machine_check, SEVERITY_INFO);
	e->n = 9;
	assert_int_equal(scene_judge(&s, &check_kernel_machine_check), VERDICT_FINE);
	e->kind = build_text(&s.now, TABLE_klog_event, KLOG_UNCORRECTED);
	only(&s, &check_kernel_machine_check, SEVERITY_CRITICAL);
	e->last_ns = UP - 2 * HOUR;
	only(&s, &check_kernel_machine_check, SEVERITY_WARNING);
	e->last_ns = UP - 50 * HOUR;
	only(&s, &check_kernel_machine_check, SEVERITY_INFO);
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
	const struct finding *f = only(&s, &check_kernel_segfaults, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].pid, 77);
	((struct klog_event *)s.now.at[TABLE_klog_event]->row)->last_ns = UP - 2 * HOUR;
	only(&s, &check_kernel_segfaults, SEVERITY_INFO);
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
	const struct finding *f = only(&s, &check_kernel_link_flaps, SEVERITY_WARNING);

	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_string_equal(f->culprits[0].name, "eth0");
	now->changes = 9;
	struct klog_event *e = add_event(&s, KLOG_LINK_DOWN, "eth0", 2, SECOND);

	assert_int_equal(scene_judge(&s, &check_kernel_link_flaps), VERDICT_FINE);
	e->n = 3;
	only(&s, &check_kernel_link_flaps, SEVERITY_WARNING);
	e->last_ns = UP - 2 * HOUR;
	only(&s, &check_kernel_link_flaps, SEVERITY_INFO);
	e->last_ns = UP;
	now->virtual = 1; /* containers end */
	only(&s, &check_kernel_link_flaps, SEVERITY_INFO);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failing_disk),
		cmocka_unit_test(hiccups_and_what_was_pulled_out),
		cmocka_unit_test(unknown_age),
		cmocka_unit_test(turned_read_only),
		cmocka_unit_test(xfs_tells_only_the_log),
		cmocka_unit_test(degraded_arrays),
		cmocka_unit_test(no_arrays),
		cmocka_unit_test(lockups),
		cmocka_unit_test(hung_tasks),
		cmocka_unit_test(hardware_errors),
		cmocka_unit_test(crashes),
		cmocka_unit_test(links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
