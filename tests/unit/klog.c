/* SPDX-License-Identifier: MIT */
/* "6.18-" corpora were captured on a Linux 6.18 host, "-handmade" ones follow kernel sources. */
#include "source/source.h"
#include "tests/unit/parse.h"

static const char *text(const struct table *t, text_t s)
{
	return table_text(t, s);
}

static void a_report_is_a_row(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_klog_oom]);

	assert_int_equal(parse_corpus("klog_oom/6.18-dmesg-memcg", klog_oom_parse, t), 0);
	assert_int_equal(t->n, 1);
	const struct klog_oom *k = t->row;

	assert_int_equal(k->pid, 16786);
	assert_string_equal(text(t, k->comm), "anon");
	assert_string_equal(text(t, k->asked_by), "anon");
	assert_string_equal(text(t, k->constraint), "memcg");
	assert_string_equal(text(t, k->cgroup), "/kmemlab/anon");
	assert_string_equal(text(t, k->victim_cgroup), "/kmemlab/anon");
	assert_int_equal(k->limit_bytes, 131072 * 1024);
	assert_int_equal(k->anon_bytes, 130432 * 1024);
	assert_int_equal(k->file_bytes, 1088 * 1024);
	assert_int_equal(k->at_ns, 1660632867000);
	table_unref(t);
}

/* comm may look like any part of the line, and is escaped in /dev/kmsg. */
static void hostile_names(void **state UNUSED)
{
	static const struct {
		uint64_t pid;
		const char *comm;
	} want[] = {
		{ 10515, "x) total-vm:9kB" },
		{ 10617, ",pid=1,uid=0\xc3\xa4\\" },
		{ 10659, " (a:1 b) " },
	};
	struct table *t = table_new(schemas[TABLE_klog_oom]);

	assert_int_equal(parse_corpus("klog_oom/6.18-kmsg-hostile-names", klog_oom_parse, t), 0);
	assert_int_equal(t->n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct klog_oom *k = table_at(t, i);

		assert_int_equal(k->pid, want[i].pid);
		assert_string_equal(text(t, k->comm), want[i].comm);
		assert_string_equal(text(t, k->asked_by), want[i].comm);
		assert_string_equal(text(t, k->cgroup), "/murphy-netsrc");
		assert_true(k->anon_bytes > 30 << 20 && k->limit_bytes == 24 << 20);
	}
	assert_int_equal(t->lost, 0);
	table_unref(t);
}

/* The kernel leaves out reports of kills that come fast: their rows borrow nothing. */
static void kills_without_a_report(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_klog_oom]);
	size_t bare = 0;

	assert_int_equal(parse_corpus("klog_oom/6.18-dmesg-suppressed", klog_oom_parse, t), 0);
	assert_int_equal(t->n, 11);
	for (table_each(const struct klog_oom, k, t)) {
		assert_string_equal(text(t, k->constraint), "memcg");
		bare += !k->cgroup && !k->asked_by && !row_has(k->has, KLOG_OOM_limit_bytes);
	}
	assert_int_equal(bare, 8);
	table_unref(t);
}

static void a_group_dies_of_one_reason(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_klog_oom]);

	assert_int_equal(parse_corpus("klog_oom/group-handmade", klog_oom_parse, t), 0);
	assert_int_equal(t->n, 4); /* what a process wrote with facility 1 is not the kernel's */
	const struct klog_oom *k = t->row;

	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(text(t, k[i].cgroup), "/app.slice");
		assert_string_equal(text(t, k[i].victim_cgroup), "/app.slice/b");
		assert_int_equal(k[i].limit_bytes, 64 << 20);
	}
	assert_int_equal(k[1].pid, 70);
	assert_int_equal(k[3].pid, 80); /* 4 s later: another story */
	assert_false(row_has(k[3].has, KLOG_OOM_cgroup));
	assert_int_equal(t->lost, 10); /* 108 to 117 were overwritten */
	table_unref(t);
}

static void old_kernels_and_logs(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_klog_oom]);

	assert_int_equal(parse_corpus("klog_oom/old-handmade", klog_oom_parse, t), 0);
	assert_int_equal(t->n, 3);
	const struct klog_oom *k = t->row;

	assert_int_equal(k[0].pid, 501); /* the child was sacrificed */
	assert_string_equal(text(t, k[0].comm), "db child");
	assert_string_equal(text(t, k[0].cgroup), "/lxc/a");
	assert_string_equal(text(t, k[0].victim_cgroup), "/lxc/a/b");
	assert_int_equal(k[0].limit_bytes, 3000 * 1024); /* of memory+swap: it was full */
	assert_int_equal(k[1].pid, 600);
	assert_int_equal(k[1].at_ns, 200000002000);
	assert_string_equal(text(t, k[1].asked_by), "web");
	assert_false(row_has(k[1].has, KLOG_OOM_constraint));
	assert_int_equal(k[2].pid, 8);
	assert_false(row_has(k[2].has, KLOG_OOM_at_ns));
	assert_string_equal(text(t, k[2].constraint), "cpuset");
	assert_true(row_has(k[2].has, KLOG_OOM_cgroup) && !k[2].cgroup); /* the whole machine */
	assert_string_equal(text(t, k[2].victim_cgroup), "/a,b");
	table_unref(t);
}

static void damage_is_skipped(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_klog_oom]);

	assert_int_equal(parse_corpus("klog_oom/damaged", klog_oom_parse, t), 0);
	for (table_each(const struct klog_oom, k, t))
		assert_false(row_has(k->has, KLOG_OOM_anon_bytes));
	table_unref(t);
}

static void hung_tasks(void **state UNUSED)
{
	static const struct {
		uint64_t pid;
		const char *comm;
		uint64_t seconds;
	} want[] = {
		{ 1234, "kworker/u8:2", 120 },
		{ 77, "a:1 blocked ", 241 },
		{ 251, "jbd2/sda1-8", 120 },
	};
	struct table *t = table_new(schemas[TABLE_klog_hung]);

	assert_int_equal(parse_corpus("klog_hung/handmade", klog_hung_parse, t), 0);
	assert_int_equal(t->n, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const struct klog_hung *k = table_at(t, i);

		assert_int_equal(k->pid, want[i].pid);
		assert_string_equal(text(t, k->comm), want[i].comm);
		assert_int_equal(k->blocked_ns, want[i].seconds * 1000000000);
	}
	assert_int_equal(parse_corpus("klog_hung/damaged", klog_hung_parse, t), 0);
	assert_int_equal(t->n, ARRAY_SIZE(want) + 1); /* an empty name is a name */
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_a_row),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(kills_without_a_report),
		cmocka_unit_test(a_group_dies_of_one_reason),
		cmocka_unit_test(old_kernels_and_logs),
		cmocka_unit_test(damage_is_skipped),
		cmocka_unit_test(hung_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
