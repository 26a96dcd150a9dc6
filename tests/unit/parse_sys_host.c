/* SPDX-License-Identifier: MIT */
/* Parsers of what the machine is, of its mounts and of its backing devices. */
#include "source/source.h"
#include "tests/unit/parse.h"

static void cpuinfo_first_cpu(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_host]);

	assert_int_equal(parse_corpus("cpuinfo/6.18-x86", cpuinfo_parse, t), 0);
	const struct host_row *h = table_at(t, 0);

	assert_string_equal(table_text(t, h->cpu_model), "Intel(R) Xeon(R) Processor");
	assert_int_equal(h->hypervisor, 1);
	assert_int_equal(parse_corpus("cpuinfo/arm64-handmade", cpuinfo_parse, t), 0);
	h = table_at(t, 1);
	assert_false(row_has(h->has, HOST_cpu_model));
	assert_false(row_has(h->has, HOST_hypervisor));
	assert_int_equal(parse_corpus("cpuinfo/ppc64-handmade", cpuinfo_parse, t), 0);
	h = table_at(t, 2);
	assert_string_equal(table_text(t, h->cpu_model), "POWER9, altivec supported");
	assert_int_equal(parse_corpus("cpuinfo/cut", cpuinfo_parse, t), 0);
	h = table_at(t, 3);
	assert_false(row_has(h->has, HOST_cpu_model));
	assert_int_equal(parse_text("flags : fpu hypervisors\n", cpuinfo_parse, t), 0);
	h = table_at(t, 4);
	assert_true(row_has(h->has, HOST_hypervisor) && h->hypervisor == 0);
	assert_int_equal(parse_text("", cpuinfo_parse, t), -ENODATA);
	table_unref(t);
}

static void os_release_quotes(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_host]);
	const struct host_row *h;

	assert_int_equal(parse_corpus("os_release/debian12", os_release_parse, t), 0);
	h = table_at(t, 0);
	assert_string_equal(table_text(t, h->os), "Debian GNU/Linux 12 (bookworm)");
	assert_int_equal(parse_corpus("os_release/single-quotes", os_release_parse, t), 0);
	h = table_at(t, 1);
	assert_string_equal(table_text(t, h->os), "A \"B\"");
	assert_int_equal(parse_corpus("os_release/bare", os_release_parse, t), 0);
	h = table_at(t, 2);
	assert_string_equal(table_text(t, h->os), "Bare");
	assert_int_equal(parse_corpus("os_release/none", os_release_parse, t), -ENODATA);
	assert_int_equal(parse_corpus("os_release/cut", os_release_parse, t), 0);
	table_unref(t);
}

static void cpu_list_and_uptime(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_host]);
	const struct host_row *h;

	assert_int_equal(parse_corpus("cpu_list/gaps", cpu_list_parse, t), 0);
	h = table_at(t, 0);
	assert_int_equal(h->cpus_online, 7);
	assert_int_equal(parse_corpus("cpu_list/backwards", cpu_list_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("cpu_list/repeated", cpu_list_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("cpu_list/large", cpu_list_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("cpu_list/none", cpu_list_parse, t), -ENODATA);
	assert_int_equal(parse_text("0-1,", cpu_list_parse, t), -EINVAL);
	assert_int_equal(parse_text("0-1 x", cpu_list_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("uptime/year", uptime_parse, t), 0);
	h = table_at(t, 1);
	assert_int_equal(h->uptime_ns, 31536000990000000);
	assert_int_equal(parse_text("7", uptime_parse, t), 0);
	assert_int_equal(parse_corpus("uptime/overflow", uptime_parse, t), -EINVAL);
	assert_int_equal(parse_text("up", uptime_parse, t), -EINVAL);
	assert_int_equal(parse_text("", uptime_parse, t), -ENODATA);
	assert_int_equal(t->n, 3);
	table_unref(t);
}

static void mount_escapes(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_mount]);

	assert_int_equal(parse_corpus("mount/escapes-handmade", mount_parse, t), 0);
	const struct mount *m = table_at(t, 0);

	assert_int_equal(t->n, 4);
	assert_int_equal(m[0].id, 36);
	assert_int_equal(m[0].dev, (uint64_t)98 << 32);
	assert_string_equal(table_text(t, m[0].target), "/mnt 2\\x");
	assert_string_equal(table_text(t, m[0].source), "/dev/root\ty");
	assert_string_equal(table_text(t, m[0].fstype), "ext4");
	assert_int_equal(m[0].read_only, 0);
	assert_int_equal(m[1].read_only, 1); /* the file system is, the mount is not */
	assert_string_equal(table_text(t, m[2].source), "");
	assert_int_equal(m[2].read_only, 1);
	assert_int_equal(m[3].read_only, 0);
	assert_int_equal(parse_corpus("mount/bad-escapes", mount_parse, t), 0);
	m = table_at(t, 4);
	assert_string_equal(table_text(t, m->target), "/\\400\\08\\1");
	table_unref(t);
}

/*
 * Whoever asks for "ro" gets it in both lists; an error sets the second only, or a word of its own.
 */
static void file_systems_that_turned(void **state UNUSED)
{
	static const struct {
		const char *line;
		unsigned read_only, turned;
	} cases[] = {
		{ "1 0 8:1 / /a rw - ext4 /dev/sda1 rw,errors=remount-ro\n", 0, 0 },
		{ "1 0 8:1 / /a rw,noatime - ext4 /dev/sda1 ro,errors=remount-ro\n", 1, 1 },
		{ "1 0 8:1 / /a ro - ext4 /dev/sda1 ro\n", 1, 0 },
		{ "1 0 8:1 / /a ro,bind - ext4 /dev/sda1 rw\n", 1, 0 },
		{ "1 0 8:1 / /a rw - ext4 /dev/sda1 rw,errors=remount-ro,emergency_ro\n", 1, 1 },
		{ "1 0 7:1 / /snap rw - squashfs /dev/loop1 ro\n", 1, 0 },
		{ "1 0 0:9 / /b rw - btrfs /dev/sdb ro,space_cache\n", 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct table *t = table_new(schemas[TABLE_mount]);

		assert_int_equal(parse_text(cases[i].line, mount_parse, t), 0);
		const struct mount *m = t->row;

		assert_int_equal(m->read_only, cases[i].read_only);
		assert_int_equal(m->turned_read_only, cases[i].turned);
		table_unref(t);
	}
}

static void arrays(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_md]);

	assert_int_equal(parse_corpus("md/degraded-handmade", md_parse, t), 0);
	assert_int_equal(t->n, 5);
	const struct md *a = t->row;

	assert_string_equal(table_text(t, a[0].name), "md0");
	assert_string_equal(table_text(t, a[0].level), "raid1");
	assert_int_equal(a[0].members, 2);
	assert_int_equal(a[0].working, 1);
	assert_int_equal(a[0].failed, 1);
	assert_string_equal(table_text(t, a[0].failed_devices), "sdb1");
	assert_string_equal(table_text(t, a[0].devices), "sdb1 sda1");
	assert_string_equal(table_text(t, a[1].level), "raid5");
	assert_int_equal(a[1].working, 3);
	assert_int_equal(a[1].spares, 1);
	assert_string_equal(table_text(t, a[1].action), "resync");
	assert_false(row_has(a[1].has, MD_done_ratio));
	assert_string_equal(table_text(t, a[2].action), "recovery");
	assert_true(a[2].done_ratio > 0.125 && a[2].done_ratio < 0.127);
	assert_string_equal(table_text(t, a[3].state), "inactive");
	assert_false(row_has(a[3].has, MD_working));
	assert_string_equal(table_text(t, a[4].state), "broken");
	table_cut(t, 0);
	assert_int_equal(parse_corpus("md/none-handmade", md_parse, t), 0);
	assert_int_equal(parse_corpus("md/no-state", md_parse, t), -EINVAL);
	assert_int_equal(parse_text("", md_parse, t), -ENODATA);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

static void mount_damage(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_mount]);

	assert_int_equal(parse_corpus("mount/no-separator", mount_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("mount/no-minor", mount_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("mount/cut", mount_parse, t), -EINVAL);
	assert_int_equal(parse_text("", mount_parse, t), -ENODATA);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

static void bdi_stats(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_bdi]);

	assert_int_equal(parse_corpus("bdi/3.10-handmade", bdi_parse, t), 0);
	const struct bdi *b = table_at(t, 0);

	assert_int_equal(b->dirty_bytes, 2048 * 1024);
	assert_int_equal(b->threshold_bytes, 81920 * 1024);
	assert_int_equal(b->dirtied_bytes, 1048576000ull * 1024);
	assert_int_equal(b->bandwidth_bytes_per_s, 102400 * 1024);
	assert_false(row_has(b->has, BDI_dev));
	assert_int_equal(parse_corpus("bdi/6.18", bdi_parse, t), 0);
	assert_int_equal(parse_corpus("bdi/overflow", bdi_parse, t), -EINVAL);
	assert_int_equal(parse_text("BdiReclaimable: 1 pages\n", bdi_parse, t), -EINVAL);
	assert_int_equal(parse_text("BdiReclaimable: 1 kB\n", bdi_parse, t), -ENODATA);
	assert_int_equal(parse_text("", bdi_parse, t), -ENODATA);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpuinfo_first_cpu),
		cmocka_unit_test(os_release_quotes),
		cmocka_unit_test(cpu_list_and_uptime),
		cmocka_unit_test(mount_escapes),
		cmocka_unit_test(file_systems_that_turned),
		cmocka_unit_test(arrays),
		cmocka_unit_test(mount_damage),
		cmocka_unit_test(bdi_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
