/* SPDX-License-Identifier: MIT */
/* What maps and arrays lie on: sys/block of a tree. */
#include "tests/unit/folder.h"
#include "tests/unit/run_source.h"

#include <stdio.h>

static const struct disk *named(const struct table *t, const char *name)
{
	for (table_each(const struct disk, d, t)) {
		if (strcmp(table_text(t, d->name), name) == 0)
			return d;
	}
	fail_msg("%s is missing", name);
	return NULL;
}

static void what_is_below(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_disk, TABLE_none };
	struct table *out[TABLES] = { 0 };
	char why[160];
	struct host *h;

	put("proc/diskstats", " 253 0 dm-0 1 0 8 1 0 0 0 0 0 1 1\n"
			      " 9 0 md0 1 0 8 1 0 0 0 0 0 1 1\n"
			      " 9 1 md0p1 1 0 8 1 0 0 0 0 0 1 1\n"
			      " 8 0 sda 1 0 8 1 0 0 0 0 0 1 1\n"
			      " 253 1 dm-1 1 0 8 1 0 0 0 0 0 1 1\n");
	put("sys/block/dm-0/slaves/sda3/x", "");
	put("sys/block/dm-0/slaves/sdb/x", "");
	put("sys/block/dm-0/dm/uuid", "mpath-3600508b400105e210000900000490000\n");
	put("sys/block/dm-0/dm/name", "san-a\n");
	put("sys/block/dm-1/dm/uuid", "\n"); /* dmsetup without one */
	put("sys/block/md0/slaves/sdc1/x", "");
	put("sys/block/md0/md/level", "raid1\n");
	put("sys/block/sda/slaves/sdz/x", "");
	assert_int_equal(host_open_root(top, &h, why), 0);
	run_source(h, "disk", out, ids, NULL, 0);
	const struct table *t = out[TABLE_disk];

	assert_int_equal(t->state, STATE_OK);
	const struct disk *d = named(t, "dm-0");
	const char *below = table_text(t, d->below);

	assert_true(strcmp(below, "sda3 sdb") == 0 || strcmp(below, "sdb sda3") == 0);
	assert_string_equal(table_text(t, d->made_by), "mpath");
	assert_string_equal(table_text(t, d->map), "san-a");
	d = named(t, "md0");
	assert_string_equal(table_text(t, d->below), "sdc1");
	assert_string_equal(table_text(t, d->made_by), "raid1");
	assert_int_equal(named(t, "md0p1")->partition, 1);
	assert_false(row_has(named(t, "md0p1")->has, DISK_below));
	assert_false(row_has(named(t, "sda")->has, DISK_below)); /* nothing lies below a disk */
	assert_false(row_has(named(t, "dm-1")->has, DISK_below));
	assert_false(row_has(named(t, "dm-1")->has, DISK_made_by));
	drop_tables(out);
	host_free(h);
}

/* A host of a thousand volumes: those beyond the bound are not known, which is not none. */
static void too_many_maps(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_disk, TABLE_none };
	static char stats[64 * 300];
	struct table *out[TABLES] = { 0 };
	char why[160];
	struct host *h;
	size_t len = 0, known = 0;

	for (int i = 0; i < 300; i++) {
		char path[64];

		len += (size_t)snprintf(stats + len, sizeof(stats) - len,
			" 253 %d dm-%d 1 0 8 1 0 0 0 0 0 1 1\n", i, i);
		snprintf(path, sizeof(path), "sys/block/dm-%d/slaves/sda/x", i);
		put(path, "");
	}
	put("proc/diskstats", stats);
	assert_int_equal(host_open_root(top, &h, why), 0);
	run_source(h, "disk", out, ids, NULL, 0);
	for (table_each(const struct disk, d, out[TABLE_disk]))
		known += row_has(d->has, DISK_below);
	assert_int_equal(known, 256);
	assert_int_equal(out[TABLE_disk]->cell[DISK_below], STATE_LATE);
	drop_tables(out);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_below, make_top, drop_top),
		cmocka_unit_test_setup_teardown(too_many_maps, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
