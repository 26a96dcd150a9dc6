/* SPDX-License-Identifier: MIT */
#include "sample/disk_name.h"
#include "tests/unit/build_kernel.h"

extern const struct check check_kernel_io_errors, check_kernel_read_only;

static void a_failing_disk(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	build_table(&s.now, TABLE_klog_event);
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_disk(&s, DEV(8, 1), "sda1", true);
	build_mount(&s.now, 3, DEV(8, 1), "/data", "ext4");
	add_event(&s, KLOG_IO, "fd0", 40, SECOND);
	add_event(&s, KLOG_IO, "sr0", 40, SECOND);
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	/* Yesterday's only error is over; ten are not. */
	struct klog_event *e = add_event(&s, KLOG_IO, "sda", 9, 20 * HOUR);

	scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);
	e->n = 10;
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	e->last_ns = UP - 25 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	e->last_ns = UP - HOUR;
	e->n = 1;
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);

	assert_string_equal(f->culprits[0].name, "sda");
	assert_string_equal(f->victims[0].name, "/data");
	/* The partition's lost pages are the disk's. */
	add_event(&s, KLOG_LOST_WRITE, "sda1", 3, SECOND);
	f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
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
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);

	assert_string_equal(f->culprits[0].name, "nvme0n1");
	e->n = 3;
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	build_mount(&s.now, 3, DEV(259, 0), "/", "ext4");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	e->what = build_text(&s.now, TABLE_klog_event, "controller is down");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	scene_end(&s);

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_event(&s, KLOG_LOST_WRITE, "sdb", 100, SECOND);
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);
	add_event(&s, KLOG_IO, "loop0", 100, SECOND);
	scene_judge(&s, &check_kernel_io_errors);
	assert_int_equal(s.judgement.n_findings, 2);
	assert_int_equal(s.judgement.finding[1]->severity, SEVERITY_INFO);
	scene_end(&s);
}

/* What is advised can be typed: a port is no device, and NVMe's lines name its controller. */
static void advice_by_name(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(259, 0), "nvme10n1", false);
	struct klog_event *e = add_event(&s, KLOG_DRIVER, "ata1.00", 3, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	bool found = false;

	for (size_t i = 0; i < f->n_todo; i++) {
		assert_null(strstr(f->todo[i], "/dev/ata"));
		found |= strstr(f->todo[i], "ls -l /sys/block | grep -F -- /ata1/") != NULL;
	}
	assert_true(found);
	e->device = build_text(&s.now, TABLE_klog_event, "nvme10");
	f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	assert_string_equal(f->todo[0], "read them all:  dmesg -T | grep -F -- nvme10");
	assert_non_null(strstr(f->todo[2], "/dev/nvme10n1"));
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
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);
	scene_end(&s);
}

static void turned_read_only(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_UNKNOWN);
	add_disk(&s, DEV(8, 1), "sda1", true);
	struct mount *m = build_mount(&s.now, 3, DEV(8, 1), "/data", "ext4");

	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_FINE);
	m->read_only = m->turned_read_only = 1;
	scene_sad(&s, &check_kernel_read_only, SEVERITY_CRITICAL);
	add_event(&s, KLOG_READ_ONLY, "sda1", 1, 50 * HOUR);
	add_event(&s, KLOG_FS, "sda1", 2, 50 * HOUR);
	const struct finding *f = scene_sad(&s, &check_kernel_read_only, SEVERITY_CRITICAL);

	assert_string_equal(f->culprits[0].name, "/data");
	assert_string_equal(f->culprits[1].name, "sda1");
	/* It is this one's story alone. */
	((struct klog_event *)table_at(s.now.at[TABLE_klog_event], 1))->last_ns = UP;
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	/* A stick. */
	((struct mount *)s.now.at[TABLE_mount]->row)->target =
		build_text(&s.now, TABLE_mount, "/media/stick");
	scene_sad(&s, &check_kernel_read_only, SEVERITY_WARNING);
	/* Another mount of it is read-only on purpose: then this one only looks so. */
	build_mount(&s.now, 4, DEV(8, 1), "/ro", "ext4")->read_only = 1;
	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_FINE);
	scene_end(&s);
}

static void xfs_tells_only_the_log(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(253, 0), "dm-0", false);
	build_mount(&s.now, 3, DEV(253, 0), "/srv", "xfs");
	add_event(&s, KLOG_READ_ONLY, "dm-0", 1, 2 * HOUR);
	scene_sad(&s, &check_kernel_read_only, SEVERITY_CRITICAL);
	add_event(&s, KLOG_MOUNTED, "dm-0", 1, HOUR);
	scene_sad(&s, &check_kernel_read_only, SEVERITY_INFO); /* mended today */
	((struct klog_event *)s.now.at[TABLE_klog_event]->row)->last_ns = UP - 30 * HOUR;
	assert_int_equal(scene_judge(&s, &check_kernel_read_only), VERDICT_FINE);
	scene_end(&s);
}

/* 6.12 to 6.14, and stable kernels: "rw" in mountinfo, and every write fails. */
static void ext4_may_tell_only_the_log(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(7, 0), "loop0", false);
	struct mount *m = build_mount(&s.now, 3, DEV(7, 0), "/srv", "ext4");

	add_event(&s, KLOG_READ_ONLY, "loop0", 3, 2 * HOUR);
	const struct finding *f = scene_sad(&s, &check_kernel_read_only, SEVERITY_CRITICAL);

	assert_string_equal(f->culprits[0].name, "/srv");
	/* It is another file system that is there now, and no ext4. */
	m->fstype = build_text(&s.now, TABLE_mount, "vfat");
	scene_sad(&s, &check_kernel_read_only, SEVERITY_INFO);
	/* Read-only on purpose. */
	m->fstype = build_text(&s.now, TABLE_mount, "ext4");
	m->read_only = 1;
	scene_sad(&s, &check_kernel_read_only, SEVERITY_INFO);
	m->read_only = 0;
	add_event(&s, KLOG_MOUNTED, "loop0", 1, HOUR);
	scene_sad(&s, &check_kernel_read_only, SEVERITY_INFO);
	scene_end(&s);
}

static void names_of_partitions(void **state UNUSED)
{
	static const struct {
		const char *name, *disk;
	} cases[] = {
		{ "sda1", "sda" },
		{ "sdab12", "sdab" },
		{ "sda", "sda" },
		{ "xvda1", "xvda" },
		{ "vdb3", "vdb" },
		{ "nvme0n1p12", "nvme0n1" },
		{ "nvme0n1", "nvme0n1" },
		{ "nvme0", "nvme0" },
		{ "mmcblk0p2", "mmcblk0" },
		{ "loop1p1", "loop1" },
		{ "loop0", "loop0" },
		{ "md127p1", "md127" },
		{ "md0", "md0" },
		{ "dm-3", "dm-3" },
		{ "ata1.00", "ata1.00" },
		{ "sd1", "sd1" },
		{ "p1", "p1" },
		{ "1", "1" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct span disk = disk_name_whole(span_of(cases[i].name));

		assert_true(span_eq(disk, cases[i].disk));
		assert_int_equal(disk_name_within(span_of(cases[i].name), disk), disk.len > 0);
	}
	assert_false(disk_name_within(span_of("sdab"), span_of("sda")));
	assert_false(disk_name_within(span_of("sda1x"), span_of("sda")));
	assert_false(disk_name_within(span_of("nvme0n11"), span_of("nvme0n1")));
	assert_false(disk_name_within(span_of("nvme0n1p"), span_of("nvme0n1")));
	assert_false(disk_name_within(span_of("sd"), span_of("sda")));
}

/* What is mounted on it still says so, although its number means nothing any more. */
static void vanished_below_a_mount(void **state UNUSED)
{
	static const struct {
		const char *log, *disk, *source;
	} cases[] = {
		{ "sdb", "sdb", "/dev/sdb" },
		{ "sdb1", "sdb", "/dev/sdb1" },
		{ "sdb", "sdb", "/dev/sdb2" },
		{ "nvme1n1", "nvme1n1", "/dev/nvme1n1p1" },
		{ "nvme1n1p1", "nvme1n1", "/dev/nvme1n1p1" },
		{ "nvme1", "nvme1n1", "/dev/nvme1n1p1" }, /* its controller */
		{ "mmcblk1", "mmcblk1", "/dev/mmcblk1p2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		begin(&s);
		add_disk(&s, DEV(8, 0), "sda", false);
		struct klog_event *e = add_event(&s, KLOG_BUFFER, cases[i].log, 3, SECOND);
		struct mount *m = add_source(&s, DEV(259, 7), "/data", cases[i].source);
		const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);

		assert_string_equal(f->culprits[0].name, cases[i].disk);
		assert_string_equal(f->victims[0].name, "/data");
		assert_non_null(strstr(f->title, "(gone now)"));
		/* It is so now, whenever it began. */
		e->first_ns = e->last_ns = UP - 30 * HOUR;
		f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
		assert_false(f->past);
		/* A stick. */
		m->target = build_text(&s.now, TABLE_mount, "/run/media/me/stick");
		scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
		/* Another's. */
		m->source = build_text(&s.now, TABLE_mount, "/dev/sda1");
		assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
		e->last_ns = UP - SECOND;
		f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);
		assert_int_equal(f->n_victims, 0);
		scene_end(&s);
	}
}

/* Its file system has a number of its own: btrfs. */
static void a_disk_by_its_source(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_disk(&s, DEV(8, 2), "sda2", true);
	add_source(&s, DEV(0, 45), "/home", "/dev/sda2");
	add_event(&s, KLOG_LOST_WRITE, "sda2", 3, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);

	assert_string_equal(f->culprits[0].name, "sda");
	assert_string_equal(f->victims[0].name, "/home");
	scene_end(&s);
}

static void gone_but_perhaps_with_a_copy(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	struct mount *m = add_source(&s, DEV(0, 45), "/home", "/dev/sdb");

	add_event(&s, KLOG_IO, "sdb", 3, SECOND);
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	m->fstype = build_text(&s.now, TABLE_mount, "btrfs");
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);

	assert_string_equal(f->victims[0].name, "/home");
	assert_non_null(strstr(f->cause, "has lost a copy"));
	/* A container's diskstats by lxcfs has only what it used. */
	add_source(&s, DEV(0, 46), "/proc/diskstats", "lxcfs")->id = 10;
	f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	assert_null(strstr(f->title, "gone"));
	scene_end(&s);
}

/* A disk of an eMMC that only its firmware may read; a network block device without its server. */
static void devices_that_fail_for_everybody(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(43, 0), "nbd0", false);
	add_event(&s, KLOG_IO, "mmcblk0rpmb", 40, SECOND);
	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_FINE);
	add_event(&s, KLOG_IO, "nbd0", 3, SECOND);
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);
	add_source(&s, DEV(43, 0), "/remote", "/dev/nbd0");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failing_disk),
		cmocka_unit_test(hiccups_and_what_was_pulled_out),
		cmocka_unit_test(advice_by_name),
		cmocka_unit_test(unknown_age),
		cmocka_unit_test(turned_read_only),
		cmocka_unit_test(xfs_tells_only_the_log),
		cmocka_unit_test(ext4_may_tell_only_the_log),
		cmocka_unit_test(names_of_partitions),
		cmocka_unit_test(vanished_below_a_mount),
		cmocka_unit_test(a_disk_by_its_source),
		cmocka_unit_test(gone_but_perhaps_with_a_copy),
		cmocka_unit_test(devices_that_fail_for_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
