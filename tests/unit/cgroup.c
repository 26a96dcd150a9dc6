/* SPDX-License-Identifier: MIT */
/* The files of control groups, and the walk over those of this machine. */
#include "base/hash.h"
#include "source/cgroup_tree.h"
#include "tests/unit/run_source.h"

#include <errno.h>

#define ASSERT_PARSE(name, text, t, want) \
	assert_int_equal(name##_parse(text, sizeof(text) - 1, t), want)

static const struct cgroup *last(const struct table *t)
{
	return table_at(t, t->n - 1);
}

static void hash(void **state UNUSED)
{
	/* test vectors of the authors of FNV */
	assert_true(hash_fnv64("", 0) == 0xcbf29ce484222325u);
	assert_true(hash_fnv64("a", 1) == 0xaf63dc4c8601ec8cu);
	assert_true(hash_fnv64("foobar", 6) == 0x85944171f73967e8u);
}

static void limits(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cgroup]);

	ASSERT_PARSE(cgroup_limit, "1073741824\n", t, 0);
	assert_int_equal(last(t)->memory_max_bytes, 1073741824);
	ASSERT_PARSE(cgroup_limit, "max\n", t, 0);
	assert_false(row_has(last(t)->has, CGROUP_memory_max_bytes));
	/* version 1 with pages of 4 and of 64 KiB */
	ASSERT_PARSE(cgroup_limit, "9223372036854771712\n", t, 0);
	assert_false(row_has(last(t)->has, CGROUP_memory_max_bytes));
	ASSERT_PARSE(cgroup_limit, "9223372036854710272\n", t, 0);
	assert_false(row_has(last(t)->has, CGROUP_memory_max_bytes));
	ASSERT_PARSE(cgroup_limit, "x\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_limit, "18446744073709551616\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_limit, "", t, -ENODATA);
	table_unref(t);
}

static void cpu(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cgroup]);

	ASSERT_PARSE(cgroup_cpu_stat,
		"usage_usec 2500000\nuser_usec 1\nsystem_usec 2\ncore_sched.force_idle_usec 0\n"
		"nr_periods 10\nnr_throttled 3\nthrottled_usec 4000\nnr_bursts 0\nburst_usec 0\n",
		t, 0);
	assert_int_equal(last(t)->cpu_usage_ns, 2500000000);
	assert_int_equal(last(t)->cpu_periods, 10);
	assert_int_equal(last(t)->cpu_throttled_periods, 3);
	assert_int_equal(last(t)->cpu_throttled_ns, 4000000);
	ASSERT_PARSE(cgroup_cpu_stat, "nr_periods 10\nnr_throttled 3\nthrottled_time 4000\n", t, 0);
	assert_int_equal(last(t)->cpu_throttled_ns, 4000);
	assert_false(row_has(last(t)->has, CGROUP_cpu_usage_ns));
	ASSERT_PARSE(cgroup_cpu_stat, "nr_periods 1\nnr_periods 1\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_cpu_stat, "usage_usec 18446744073709551615\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_cpu_stat, "", t, -ENODATA);
	ASSERT_PARSE(cgroup_cpu_max, "50000 100000\n", t, 0);
	assert_int_equal(last(t)->cpu_quota_ns, 50000000);
	assert_int_equal(last(t)->cpu_period_ns, 100000000);
	ASSERT_PARSE(cgroup_cpu_max, "max 100000\n", t, 0);
	assert_false(row_has(last(t)->has, CGROUP_cpu_quota_ns));
	ASSERT_PARSE(cgroup_cpu_max, "max\n", t, -EINVAL);
	table_unref(t);
}

static void events(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cgroup]);

	ASSERT_PARSE(cgroup_memory_events,
		"low 0\nhigh 7\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n", t, 0);
	assert_int_equal(last(t)->memory_high_hits, 7);
	assert_int_equal(last(t)->memory_limit_hits, 12);
	assert_int_equal(last(t)->oom_kills, 1);
	/* version 1: 3.10 counted no kills */
	ASSERT_PARSE(cgroup_memory_events, "oom_kill_disable 1\nunder_oom 1\n", t, 0);
	assert_int_equal(last(t)->under_oom, 1);
	assert_false(row_has(last(t)->has, CGROUP_oom_kills));
	ASSERT_PARSE(cgroup_pids_events, "max 4\n", t, 0);
	assert_int_equal(last(t)->pids_limit_hits, 4);
	ASSERT_PARSE(cgroup_pressure,
		"some avg10=1.00 avg60=0.50 avg300=0.10 total=1234\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=99\n",
		t, 0);
	assert_int_equal(last(t)->memory_stall_ns, 1234000);
	ASSERT_PARSE(cgroup_pressure, "full avg10=0.00 total=99\n", t, -ENODATA);
	table_unref(t);
}

static void io(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cgroup]);

	ASSERT_PARSE(cgroup_io_stat,
		"8:0 rbytes=100 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n253:0 \n"
		"8:16 rbytes=1 wbytes=2 rios=1 wios=2 dbytes=0 dios=0 cost.usage=5\n",
		t, 0);
	assert_int_equal(last(t)->read_bytes, 101);
	assert_int_equal(last(t)->written_bytes, 22);
	ASSERT_PARSE(cgroup_io_stat, "", t, 0);
	assert_true(row_has(last(t)->has, CGROUP_read_bytes));
	ASSERT_PARSE(cgroup_io_stat, "8:0 rbytes=x\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_blkio,
		"7:0 Read 5\n7:0 Write 6\n7:0 Sync 3\n7:0 Total 11\n8:0 Read 1\n8:0 Write 1\n"
		"Total 13\n",
		t, 0);
	assert_int_equal(last(t)->read_bytes, 6);
	assert_int_equal(last(t)->written_bytes, 7);
	ASSERT_PARSE(cgroup_blkio, "7:0 Read 18446744073709551615\n8:0 Read 1\n", t, -EINVAL);
	table_unref(t);
}

static void memory_stat(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cgroup_mem]);

	ASSERT_PARSE(cgroup_mem,
		"cache 1\nrss 2\nshmem 3\ninactive_file 1\nunevictable 1\n"
		"total_cache 100\ntotal_rss 200\ntotal_shmem 300\ntotal_inactive_file 400\n"
		"total_workingset_refault_anon 5\ntotal_workingset_refault_file 6\n",
		t, 0);
	ASSERT_PARSE(cgroup_mem,
		"anon 1\nfile 2\nkernel 3\nshmem 4\nfile_dirty 5\nslab 6\n"
		"workingset_refault_anon 5\nworkingset_refault_file 6\n",
		t, 0);
	const struct cgroup_mem *m = t->row;

	assert_int_equal(m[0].anon_bytes, 200);
	assert_int_equal(m[0].file_bytes, 100);
	assert_int_equal(m[0].inactive_file_bytes, 400);
	assert_int_equal(m[0].refault_pages, 11);
	assert_false(row_has(m[0].has, CGROUP_MEM_unevictable_bytes));
	assert_int_equal(m[1].anon_bytes, 1);
	assert_int_equal(m[1].kernel_bytes, 3);
	assert_int_equal(m[1].refault_pages, 11);
	ASSERT_PARSE(cgroup_mem, "anon 1\nanon 1\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_mem, "anon\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_mem, "", t, -ENODATA);
	table_unref(t);
}

static void mounts(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cgroup_hierarchy]);

	ASSERT_PARSE(cgroup_hierarchy,
		"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
		"33 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro master:9 - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"40 31 0:37 / /mnt/with\\040space rw shared:1 - cgroup cgroup "
		"rw,xattr,name=systemd\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
		"42 31 0:29 / /host/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
		"43 31 0:29 /x /bind rw - cgroup cgroup rw,cpu,cpuacct\n",
		t, 0);
	const struct cgroup_hierarchy *h = t->row;
	char path[64];

	assert_int_equal(t->n, 3);
	assert_string_equal(table_text(t, h[0].target), "/host/cpu");
	assert_int_equal(cgroup_hierarchy_has(t, &h[0]), CGROUP_CPU | CGROUP_CPUACCT);
	assert_string_equal(table_text(t, h[1].target), "/mnt/with space");
	assert_int_equal(cgroup_hierarchy_has(t, &h[1]), 0);
	assert_int_equal(h[2].version, 2);
	assert_int_equal(cgroup_hierarchy_has(t, &h[2]), CGROUP_CORE);
	assert_true(cgroup_path(t, &h[0], "/", "cpu.stat", path, sizeof(path)));
	assert_string_equal(path, "host/cpu/cpu.stat");
	assert_true(cgroup_path(t, &h[0], "/a/b", NULL, path, sizeof(path)));
	assert_string_equal(path, "host/cpu/a/b");
	assert_false(cgroup_path(t, &h[0], "/a/b", "cpu.stat", path, 16));
	ASSERT_PARSE(cgroup_hierarchy, "33 31 0:29 / /x rw\n", t, -EINVAL);
	ASSERT_PARSE(cgroup_hierarchy, "", t, -ENODATA);
	table_unref(t);
}

static void names(void **state UNUSED)
{
	static const char *const files[] = { "tasks", "cgroup.procs", "memory.swap.current",
		"memory.kmem.tcp.usage_in_bytes", "cpuacct.usage", "hugetlb.2MB.max",
		"blkio.throttle.io_service_bytes", "notify_on_release" };
	static const char *const groups[] = { "user.slice", "memory.slice", "cpu.service", "docker",
		"cpu", "init.scope", "system-getty.slice", "io.podman-1", "dev-hugepages.mount" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_true(cgroup_is_file(files[i]));
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		assert_false(cgroup_is_file(groups[i]));
	assert_int_equal(cgroup_controllers("cpuset cpu io memory\n", 21, 2),
		CGROUP_CORE | CGROUP_CPU | CGROUP_IO | CGROUP_MEMORY);
	assert_int_equal(cgroup_controllers("rw,blkio", 8, 1), CGROUP_IO);
}

/* What this machine has, if it has any, agrees with itself. */
static void live(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_cgroup, TABLE_cgroup_hierarchy, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h;

	assert_int_equal(host_open_live(&h), 0);
	run_source(h, "cgroup", out, ids, NULL, 0);
	const struct table *t = out[TABLE_cgroup];

	if (!table_usable(t))
		skip_because("no control groups here");
	const struct cgroup *root = table_find(t, hash_fnv64("/", 1));

	assert_non_null(root);
	assert_string_equal(table_text(t, root->path), "/");
	for (table_each(struct cgroup, c, t)) {
		const char *path = table_text(t, c->path);

		assert_true(c->id == hash_fnv64(path, strlen(path)));
		assert_int_equal(path[0], '/');
		assert_true(c->version == 1 || c->version == 2);
	}
	static const enum table_id more[] = { TABLE_cgroup_member, TABLE_none };

	run_source(h, "cgroup_mem", out, more, &root->id, 1);
	/* all of a hierarchy start in its root, and kernel threads stay there */
	assert_int_equal(out[TABLE_cgroup_member]->state, STATE_OK);
	assert_int_not_equal(out[TABLE_cgroup_member]->n, 0);
	drop_tables(out);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash),
		cmocka_unit_test(limits),
		cmocka_unit_test(cpu),
		cmocka_unit_test(events),
		cmocka_unit_test(io),
		cmocka_unit_test(memory_stat),
		cmocka_unit_test(mounts),
		cmocka_unit_test(names),
		cmocka_unit_test(live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
