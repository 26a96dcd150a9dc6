/* SPDX-License-Identifier: MIT */
/*
 * page_sample on processes that this test starts, beside what smaps_rollup says of them. Needs what
 * the source needs; without it the source has to say so.
 */
#include "base/cursor.h"
#include "source/page_process.h"
#include "tests/unit/family.h"
#include "tests/unit/run_source.h"

static const enum table_id ids[] = { TABLE_group_share, TABLE_process_share, TABLE_shared_object,
	TABLE_object_share, TABLE_none };

/* What a process has of libraries changes with each other one that starts or ends meanwhile. */
enum { LIBRARIES = 32768 };

static bool measured(struct table **out)
{
	const struct table *t = out[TABLE_group_share];

	if (t->state == STATE_OK)
		return true;
	assert_int_equal(t->state, STATE_DENIED);
	assert_non_null(strstr(t->why, "CAP_SYS_ADMIN"));
	return false;
}

/* RSS from status and pages that were counted meet within what a CPU holds back of a counter. */
static void compare(const struct process_share *row, pid_t pid, uint64_t slack)
{
	uint64_t pss = rollup(pid, "Pss:"), rss = rollup(pid, "Rss:");
	uint64_t uss = rollup(pid, "Private_Clean:") + rollup(pid, "Private_Dirty:");

	assert_true(pss > 0);
	assert_in_range(row->pss_bytes + row->pss_error_bytes + slack, pss, UINT64_MAX);
	assert_in_range(row->pss_bytes, 0, pss + row->pss_error_bytes + slack);
	assert_in_range(row->rss_bytes + 16 * slack, rss, rss + 32 * slack);
	assert_in_range(row->uss_bytes + 4 * slack, uss, uss + 8 * slack);
}

static void measure(const struct family *f, bool together, struct table **out)
{
	uint64_t keys[CHILDREN];

	for (int i = 0; i < CHILDREN; i++)
		keys[i] = member_key(together ? 5 : (uint64_t)i, (uint64_t)f->pid[i]);
	run_source(live, "page_sample", out, ids, keys, CHILDREN);
}

static void test_each_process(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct family f;

	start(&f, child_of_all_kinds);
	measure(&f, false, out);
	if (measured(out)) {
		assert_int_equal(out[TABLE_process_share]->n, CHILDREN);
		for (int i = 0; i < CHILDREN; i++)
			compare(table_find(out[TABLE_process_share], (uint64_t)f.pid[i]), f.pid[i],
				LIBRARIES);
	}
	drop_tables(out);
	stop(&f);
}

static const struct shared_object *object_of(struct table **out, const char *path)
{
	for (table_each(const struct shared_object, o, out[TABLE_shared_object])) {
		if (strcmp(table_text(out[TABLE_shared_object], o->path), path) == 0)
			return o;
	}
	return NULL;
}

static void test_group_and_objects(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct family f;

	start(&f, child_of_all_kinds);
	measure(&f, true, out);
	if (measured(out)) {
		const struct group_share *g = table_find(out[TABLE_group_share], 5);
		const struct shared_object *o = object_of(out, "/memfd:page-sample");
		uint64_t pss = 0;

		for (int i = 0; i < CHILDREN; i++)
			pss += rollup(f.pid[i], "Pss:");
		assert_true(g->processes == CHILDREN && g->measured == CHILDREN);
		assert_in_range(g->pss_bytes + g->pss_error_bytes + 16384, pss,
			pss + 2 * g->pss_error_bytes + 32768);
		assert_true(g->uss_bytes <= g->exclusive_bytes);
		/* All of the memfd is the group's own. */
		assert_true(g->exclusive_bytes > g->uss_bytes + 12 * MIB);
		assert_non_null(o);
		assert_int_equal(o->kind, 1);
		assert_int_equal(o->size_bytes, 64 * MIB);
		assert_int_equal(o->resident_bytes, BIG_MIB * MIB);
		assert_true(o->processes == CHILDREN && o->groups == 1);
		assert_int_equal(o->mapped_bytes, CHILDREN * (2 * BIG_MIB + 2) * (uint64_t)MIB);
		assert_in_range(o->pss_bytes, BIG_MIB * MIB * 9 / 10, BIG_MIB * MIB * 11 / 10);
	}
	drop_tables(out);
	stop(&f);
}

static void test_huge_pages(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct family f;
	char *was = parents, *at = huge_parents();

	start(&f, child_of_huge_pages);
	measure(&f, false, out);
	if (measured(out)) {
		for (int i = 0; i < CHILDREN; i++)
			compare(table_find(out[TABLE_process_share], (uint64_t)f.pid[i]), f.pid[i],
				LIBRARIES);
	}
	drop_tables(out);
	stop(&f);
	munmap(at, 4 * MIB);
	parents = was;
}

/*
 * The even ones have half of the object, the odd ones all of it: a half is shared, a half their
 * own.
 */
static void test_two_groups(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct family f;
	uint64_t keys[CHILDREN];

	if (SANITIZED)
		skip_because("the sanitizer has shared memory of its own");
	start(&f, child_of_all_kinds);
	for (int i = 0; i < CHILDREN; i++) { /* sorted: the first two, then the others */
		static const int order[CHILDREN] = { 0, 2, 1, 3 };

		keys[i] = member_key(order[i] % 2 ? 8 : 5, (uint64_t)f.pid[order[i]]);
	}
	run_source(live, "page_sample", out, ids, keys, CHILDREN);
	if (measured(out)) {
		const struct group_share *half = table_find(out[TABLE_group_share], 5);
		const struct group_share *whole = table_find(out[TABLE_group_share], 8);
		const uint64_t tenth = BIG_MIB * MIB / 10;

		assert_true(half && whole);
		assert_in_range(half->shared_bytes, 5 * tenth - tenth / 2, 6 * tenth + 4 * MIB);
		assert_in_range(whole->shared_bytes, 5 * tenth - tenth / 2, 6 * tenth + 4 * MIB);
		assert_in_range(whole->exclusive_bytes - whole->uss_bytes, 4 * tenth, 6 * tenth);
		assert_true(half->exclusive_bytes - half->uss_bytes < 2 * tenth);
		assert_int_equal(out[TABLE_object_share]->state, STATE_OK);
	}
	drop_tables(out);
	stop(&f);
}

static void measure_one(pid_t pid, bool no_scan, size_t budget, uint64_t slack)
{
	struct probe p = { .host = live };
	struct page_meter m;
	struct mem_status s;
	struct page_result r;
	uint64_t common = 0;
	auto_close fd = host_open_offset(live, "proc/kpagecount");

	if (fd < 0)
		return;
	assert_int_equal(page_meter_init(&m, &p, fd), 0);
	m.counts.common = &common;
	m.no_scan = no_scan;
	m.budget = budget;
	assert_int_equal(mem_status_read(&p, (uint64_t)pid, &s, NULL), 0);
	assert_int_equal(page_process_measure(&m, (uint64_t)pid, &s, &r), 0);
	double pss = (r.pss[PART_ANON] + r.pss[PART_FILE] + r.pss[PART_SHMEM]) * 4096;
	double off = pss - (double)rollup(pid, "Pss:");

	assert_true((off < 0 ? -off : off) <= page_estimate_error(r.error) * 4096 + (double)slack);
	page_meter_release(&m);
}

/* Before Linux 6.7 holes are found by reading; where there is no room to read all, in clusters. */
static void test_other_ways(void **state UNUSED)
{
	struct family f;

	if (SANITIZED)
		skip_because("the sanitizer has shared memory of its own");
	start(&f, child_of_all_kinds);
	measure_one(f.pid[1], false, 1 << 20, 8192);
	measure_one(f.pid[1], true, 1 << 20, 8192);
	measure_one(f.pid[1], false, 256, 65536);
	measure_one(f.pid[1], true, 256, 65536);
	stop(&f);
}

/* Without looking at a page: bounds that hold. */
static void test_status_bounds(void **state UNUSED)
{
	static const enum table_id shares[] = { TABLE_group_share, TABLE_process_share,
		TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct family f;
	uint64_t keys[CHILDREN], sum = 0;

	start(&f, child_of_all_kinds);
	for (int i = 0; i < CHILDREN; i++)
		keys[i] = member_key(5, (uint64_t)f.pid[i]);
	run_source(live, "page_status", out, shares, keys, CHILDREN);
	const struct group_share *g = table_find(out[TABLE_group_share], 5);

	assert_int_equal(out[TABLE_group_share]->state, STATE_OK);
	assert_non_null(g);
	for (int i = 0; i < CHILDREN; i++) {
		uint64_t pss = rollup(f.pid[i], "Pss:");
		const struct process_share *p =
			table_find(out[TABLE_process_share], (uint64_t)f.pid[i]);

		assert_non_null(p);
		assert_in_range(p->pss_bytes + p->pss_error_bytes + 65536, pss, UINT64_MAX);
		assert_in_range(pss + p->pss_error_bytes + 65536, p->pss_bytes, UINT64_MAX);
		assert_false(row_has(p->has, PROCESS_SHARE_uss_bytes));
		sum += pss;
	}
	assert_true(g->processes == CHILDREN && g->measured == 0);
	assert_in_range(g->pss_bytes + g->pss_error_bytes + 65536, sum, UINT64_MAX);
	assert_in_range(sum + g->pss_error_bytes + 65536, g->pss_bytes, UINT64_MAX);
	assert_false(row_has(g->has, GROUP_SHARE_uss_bytes));
	drop_tables(out);
	stop(&f);
}

static void test_gone(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	const uint64_t keys[] = { member_key(1, (uint64_t)getpid()), member_key(2, 4194305) };

	run_source(live, "page_sample", out, ids, keys, ARRAY_SIZE(keys));
	if (measured(out)) {
		const struct group_share *g = table_find(out[TABLE_group_share], 2);

		assert_int_equal(out[TABLE_process_share]->n, 1);
		assert_non_null(g);
		assert_int_equal(g->processes, 0);
		assert_false(row_has(g->has, GROUP_SHARE_pss_bytes));
	}
	drop_tables(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_process),
		cmocka_unit_test(test_group_and_objects),
		cmocka_unit_test(test_two_groups),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_other_ways),
		cmocka_unit_test(test_status_bounds),
		cmocka_unit_test(test_gone),
	};

	if (host_open_live(&live) < 0)
		return 1;
	parents = map(MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	touch(parents, MIB, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	host_free(live);
	return failed;
}
