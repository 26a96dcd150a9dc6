/* SPDX-License-Identifier: MIT */
/* Disks below maps, arrays and paths. */
#include "tests/unit/build_kernel.h"

#include <stdio.h>
#include <time.h>

extern const struct check check_kernel_io_errors, check_kernel_raid;

static struct disk *add_stack(
	struct scene *s, uint64_t minor, const char *name, const char *made_by, const char *below)
{
	struct disk *d = add_disk(s, DEV(253, minor), name, false);

	d->made_by = build_text(&s->now, TABLE_disk, made_by);
	d->below = build_text(&s->now, TABLE_disk, below);
	return d;
}

/* A file system on a volume in a crypt on a partition. */
static void a_disk_below_maps(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_disk(&s, DEV(8, 3), "sda3", true);
	add_stack(&s, 0, "dm-0", "CRYPT", "sda3")->map =
		build_text(&s.now, TABLE_disk, "luks-home");
	add_stack(&s, 1, "dm-1", "LVM", "dm-0");
	add_stack(&s, 2, "dm-2", "LVM", "dm-2 dm-1"); /* a stranger's: it lies on itself */
	add_source(&s, DEV(253, 1), "/srv", "/dev/mapper/vg-srv");
	add_source(&s, DEV(0, 45), "/home", "/dev/mapper/luks-home")->id = 10;
	add_event(&s, KLOG_IO, "sda", 3, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);

	assert_int_equal(f->n_victims, 2);
	assert_string_equal(f->victims[0].name, "/srv");
	assert_string_equal(f->victims[1].name, "/home");
	/* Gone: the map still names its partition. */
	((struct disk *)table_at(s.now.at[TABLE_disk], 0))->name =
		build_text(&s.now, TABLE_disk, "sdz");
	((struct disk *)table_at(s.now.at[TABLE_disk], 1))->name =
		build_text(&s.now, TABLE_disk, "sdz3");
	f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	assert_int_equal(f->n_victims, 2);
	/* Too high for any stack: looked at for a bounded time. */
	for (uint64_t i = 3; i < 60; i++) {
		char name[16], below[64];

		snprintf(name, sizeof(name), "dm-%d", (int)i);
		snprintf(below, sizeof(below), "dm-%d dm-%d dm-%d", (int)i + 1, (int)i + 2, (int)i);
		add_stack(&s, i, name, "LVM", below);
	}
	add_source(&s, DEV(253, 3), "/high", "/dev/mapper/high")->id = 11;
	f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	assert_int_equal(f->n_victims, 2);
	scene_end(&s);
}

/* lvcreate --type raid1: a volume on two legs, each a map of its own. */
static void a_leg_of_a_volume(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_stack(&s, 1, "dm-1", "LVM", "sda")->map =
		build_text(&s.now, TABLE_disk, "vg-data_rimage_0");
	struct disk *leg = add_stack(&s, 2, "dm-2", "LVM", "sdb");

	leg->map = build_text(&s.now, TABLE_disk, "vg-data_rimage_1");
	add_stack(&s, 3, "dm-3", "LVM", "dm-1 dm-2");
	add_source(&s, DEV(253, 3), "/data", "/dev/mapper/vg-data");
	add_event(&s, KLOG_IO, "sdb", 3, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);

	assert_string_equal(f->victims[0].name, "/data");
	leg = (struct disk *)table_at(s.now.at[TABLE_disk], 2);
	leg->map = build_text(&s.now, TABLE_disk, "vg-linear");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	scene_end(&s);
}

/* A member of an array that can lose it: the disk is ill, and nobody waits. */
static void a_disk_below_an_array(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(259, 0), "nvme0n1", false);
	add_disk(&s, DEV(259, 1), "nvme1n1", false);
	add_stack(&s, 0, "md0", "raid1", "nvme0n1p1 nvme1n1p1");
	struct klog_event *e = add_event(&s, KLOG_DRIVER, "nvme1", 1, SECOND);

	e->what = build_text(&s.now, TABLE_klog_event, "controller is down");
	add_source(&s, DEV(253, 0), "/", "/dev/md0");
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);

	assert_string_equal(f->victims[0].name, "/");
	add_event(&s, KLOG_IO, "nvme1n1", 1, SECOND);
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	/* Gone, it is kernel.raid's story. */
	struct disk *gone = table_find(s.now.at[TABLE_disk], DEV(259, 1));

	gone->name = build_text(&s.now, TABLE_disk, "nvme2n1");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);
	/* raid0 can lose none. */
	struct disk *array = table_find(s.now.at[TABLE_disk], DEV(253, 0));
	array->made_by = build_text(&s.now, TABLE_disk, "raid0");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	scene_end(&s);
}

static struct md *add_array(struct scene *s, const char *level, const char *failed)
{
	struct md *a = build_row(&s->now, TABLE_md);

	a->name = build_text(&s->now, TABLE_md, "md0");
	a->level = build_text(&s->now, TABLE_md, level);
	a->failed_devices = build_text(&s->now, TABLE_md, failed);
	a->members = 2;
	a->working = 1;
	return a;
}

/* It had a member to lose, and has lost it: the other one is all that there is. */
static void a_disk_below_a_degraded_array(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 0), "sda", false);
	add_disk(&s, DEV(8, 16), "sdb", false);
	add_stack(&s, 0, "md0", "raid1", "sda1 dm-1");
	add_stack(&s, 1, "dm-1", "CRYPT", "sdb1");
	struct md *a = add_array(&s, "raid1", "dm-1");

	add_source(&s, DEV(253, 0), "/", "/dev/md0");
	struct klog_event *e = add_event(&s, KLOG_LOST_WRITE, "sda1", 1, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);

	assert_string_equal(f->victims[0].name, "/");
	/* Three copies, and two of them are left. */
	a->members = 3;
	a->working = 2;
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	/* A member that it goes without already. */
	a->members = 2;
	a->working = 1;
	e->device = build_text(&s.now, TABLE_klog_event, "sdb1");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	/* Of raid10 it may be the other half, or not. */
	struct disk *array = table_find(s.now.at[TABLE_disk], DEV(253, 0));

	array->made_by = build_text(&s.now, TABLE_disk, "raid10");
	a->members = 4;
	a->working = 3;
	e->device = build_text(&s.now, TABLE_klog_event, "sda1");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	struct disk *gone = table_find(s.now.at[TABLE_disk], DEV(8, 0));

	gone->name = build_text(&s.now, TABLE_disk, "sdz");
	f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	assert_non_null(strstr(f->cause, "or all"));
	a->working = 2;
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	scene_end(&s);
}

/* A path fails, or is taken away for work on a switch: multipath goes another way. */
static void a_path_of_several(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	add_disk(&s, DEV(8, 16), "sdb", false);
	add_disk(&s, DEV(8, 32), "sdc", false);
	add_stack(&s, 0, "dm-0", "mpath", "sdb sdc");
	add_stack(&s, 1, "dm-1", "part1", "dm-0");
	add_source(&s, DEV(253, 1), "/san", "/dev/mapper/san1");
	struct klog_event *e = add_event(&s, KLOG_IO, "sdc", 40, SECOND);
	const struct finding *f = scene_sad(&s, &check_kernel_io_errors, SEVERITY_INFO);

	assert_string_equal(f->victims[0].name, "/san");
	assert_non_null(strstr(f->todo[1], "multipath -ll"));
	/* multipathd claimed a disk that has one path only. */
	struct disk *map = (struct disk *)table_at(s.now.at[TABLE_disk], 2);

	map->below = build_text(&s.now, TABLE_disk, "sdc");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	map->below = build_text(&s.now, TABLE_disk, "sdb sdc");
	/* All of them failed: then the map tells it. */
	e->device = build_text(&s.now, TABLE_klog_event, "dm-0");
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_WARNING);
	e->kind = build_text(&s.now, TABLE_klog_event, KLOG_LOST_WRITE);
	scene_sad(&s, &check_kernel_io_errors, SEVERITY_CRITICAL);
	scene_end(&s);
}

/* A storage network fails: a thousand paths, five hundred mounts, and an answer at once. */
static void a_thousand_paths(void **state UNUSED)
{
	enum { MAPS = 125, PATHS = 8, MOUNTS = 500 };
	char name[32], below[128];
	struct scene s;

	begin(&s);
	for (unsigned int i = 0; i < MAPS; i++) {
		size_t len = 0;

		for (unsigned int k = i * PATHS; k < (i + 1) * PATHS; k++) {
			snprintf(name, sizeof(name), "sd%c%c%c", 'a' + k / 676, 'a' + k / 26 % 26,
				'a' + k % 26);
			len += (size_t)snprintf(below + len, sizeof(below) - len, "%s ", name);
			add_disk(&s, DEV(8, k), name, false);
			add_event(&s, KLOG_IO, name, 3, SECOND);
		}
		snprintf(name, sizeof(name), "dm-%u", i);
		add_stack(&s, i, name, "mpath", below);
	}
	for (unsigned int i = 0; i < MOUNTS; i++) {
		snprintf(name, sizeof(name), "dm-%u", i % MAPS);
		snprintf(below, sizeof(below), "dm-%u", MAPS + i);
		add_stack(&s, MAPS + i, below, "LVM", name);
		build_mount(&s.now, i + 1, DEV(253, MAPS + i), below, "xfs");
	}
	add_event(&s, KLOG_LOST_WRITE, "dm-3", 1, SECOND);
	clock_t before = clock();

	assert_int_equal(scene_judge(&s, &check_kernel_io_errors), VERDICT_SAD);
	assert_true(clock() - before < 5 * CLOCKS_PER_SEC);
	const struct finding *f = NULL;

	for (size_t i = 0; i < s.judgement.n_findings; i++) {
		if (s.judgement.finding[i]->severity == SEVERITY_CRITICAL)
			f = s.judgement.finding[i];
	}
	assert_non_null(f);
	assert_string_equal(f->culprits[0].name, "dm-3");
	assert_int_equal(f->n_victims, 4);
	assert_string_equal(f->victims[3].name, "dm-503");
	scene_end(&s);
}

/* A volume on the array is its victim too. */
static void mounts_above_an_array(void **state UNUSED)
{
	struct scene s;

	begin(&s);
	struct md *a = add_array(&s, "raid5", "");

	a->name = build_text(&s.now, TABLE_md, "md1");
	a->members = 3;
	a->working = 2;
	add_stack(&s, 0, "md1", "raid5", "sda1 sdb1 sdc1");
	add_stack(&s, 1, "dm-0", "LVM", "md1");
	add_stack(&s, 2, "md127", "raid1", "sdd1 sde1");
	add_source(&s, DEV(253, 1), "/srv", "/dev/mapper/vg-srv");
	add_source(&s, DEV(253, 2), "/", "/dev/md127")->id = 10;
	const struct finding *f = scene_sad(&s, &check_kernel_raid, SEVERITY_WARNING);

	assert_int_equal(f->n_victims, 1);
	assert_string_equal(f->victims[0].name, "/srv");
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_below_maps),
		cmocka_unit_test(a_leg_of_a_volume),
		cmocka_unit_test(a_disk_below_an_array),
		cmocka_unit_test(a_disk_below_a_degraded_array),
		cmocka_unit_test(a_path_of_several),
		cmocka_unit_test(a_thousand_paths),
		cmocka_unit_test(mounts_above_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
