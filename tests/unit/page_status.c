/* SPDX-License-Identifier: MIT */
/* page_status on trees: what status and meminfo leave possible. */
#include "tests/unit/run_source.h"

#include "tests/unit/folder.h"

enum { KIB = 1024 };

static const enum table_id ids[] = { TABLE_group_share, TABLE_process_share, TABLE_none };

static void put_status(int pid, int anon, int file, int shmem)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "proc/%d/status", pid);
	snprintf(text, sizeof(text),
		"Name:\tx%d\nPid:\t%d\nPPid:\t1\nUid:\t0\t0\t0\t0\nVmRSS:\t%d kB\nRssAnon:\t%d kB\n"
		"RssFile:\t%d kB\nRssShmem:\t%d kB\nVmPTE:\t100 kB\nVmSwap:\t8 kB\n",
		pid / 100, pid, anon + file + shmem, anon, file, shmem);
	put(path, text);
}

static void run(struct table **out, const uint64_t *keys, size_t n)
{
	struct host *h;
	char why[160];

	assert_int_equal(host_open_root(top, &h, why), 0);
	run_source(h, "page_status", out, ids, keys, n);
	host_free(h);
}

static void put_machine(const char *meminfo)
{
	put("proc/meminfo", meminfo);
	put("proc/loadavg", "0.00 0.00 0.00 1/100 4711\n");
}

/*
 * Ten workers map the same 200 MB: no more than 202 MB can be theirs, however often it is counted.
 */
static void test_shared_once(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	uint64_t keys[11];

	put_machine("MemTotal: 1000000 kB\nAnonPages: 11000 kB\nMapped: 202000 kB\n");
	for (int i = 0; i < 10; i++) {
		put_status(100 + i, 1000, 1000, 200000);
		keys[i] = member_key(1, 100 + (uint64_t)i);
	}
	put_status(200, 1000, 1000, 0);
	keys[10] = member_key(2, 200);
	run(out, keys, 11);
	const struct group_share *g = table_find(out[TABLE_group_share], 1);
	const struct group_share *other = table_find(out[TABLE_group_share], 2);

	assert_int_equal(out[TABLE_group_share]->state, STATE_OK);
	assert_true(g && other);
	assert_int_equal(g->rss_bytes, 2020000u * KIB);
	assert_int_equal(g->swap_bytes, 80 * KIB);
	assert_int_equal(g->page_tables_bytes, 1000 * KIB);
	assert_int_equal(g->processes, 10);
	assert_int_equal(g->measured, 0);
	/*
	 * Between 20 MB (100 tasks) and 10 MB (own) + 202 MB; whether forks share their own is not
	 * seen.
	 */
	assert_in_range(g->pss_bytes, 115000 * KIB, 118000 * KIB);
	assert_in_range(g->pss_error_bytes, 93000 * KIB, 97000 * KIB);
	assert_true(g->pss_bytes + g->pss_error_bytes >= 211999 * KIB);
	assert_in_range(other->pss_bytes, 1500 * KIB, 1510 * KIB);
	assert_int_equal(out[TABLE_process_share]->n, 11);
	drop_tables(out);
}

/*
 * Forks that have written nothing yet: RssAnon of each, and AnonPages says that they are the same.
 */
static void test_forks(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	uint64_t keys[4];

	put_machine("AnonPages: 100000 kB\nMapped: 0 kB\n");
	for (int i = 0; i < 4; i++) {
		put_status(100 + i, 100000, 0, 0);
		keys[i] = member_key(1, 100 + (uint64_t)i);
	}
	run(out, keys, 4);
	const struct group_share *g = table_find(out[TABLE_group_share], 1);

	assert_non_null(g);
	assert_int_equal(g->pss_bytes, 100000 * KIB);
	assert_true(g->pss_bytes + g->pss_error_bytes >= 100000 * KIB);
	assert_true(g->pss_error_bytes <= 100000 * KIB); /* AnonPages is the most */
	drop_tables(out);
}

static void test_missing(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	const uint64_t keys[] = { member_key(1, 100), member_key(2, 101) };

	put_status(100, 1000, 500, 0);
	run(out, keys, 2);
	const struct group_share *g = table_find(out[TABLE_group_share], 1);
	const struct group_share *gone = table_find(out[TABLE_group_share], 2);

	assert_true(g && gone);
	/* No meminfo: from half of it (two are known) to all. */
	assert_int_equal(g->pss_bytes, 1375 * KIB);
	assert_int_equal(g->pss_error_bytes, 125 * KIB);
	assert_int_equal(gone->processes, 0);
	assert_false(row_has(gone->has, GROUP_SHARE_pss_bytes));
	drop_tables(out);
}

/* The cache of ZFS is in no line of meminfo. */
static void test_zfs(void **state UNUSED)
{
	static const enum table_id meminfo[] = { TABLE_meminfo, TABLE_none };
	static const struct {
		const char *text;
		bool known;
	} cases[] = {
		{ "13 1 0x01 147 39984 5109 1\nname                            type data\n"
		  "hits                            4    77\nsize                            4    "
		  "8123456789\nc_max                           4    9\n",
			true },
		{ "size 4 x\n", false },
		{ "size\n", false },
		{ "", false },
	};

	put("proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 1000 kB\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct table *out[TABLES] = { 0 };
		struct host *h;
		char why[160];

		put("proc/spl/kstat/zfs/arcstats", cases[i].text);
		assert_int_equal(host_open_root(top, &h, why), 0);
		run_source(h, "meminfo", out, meminfo, NULL, 0);
		const struct meminfo *m = table_only(out[TABLE_meminfo]);

		assert_non_null(m);
		assert_int_equal(row_has(m->has, MEMINFO_zfs_arc_bytes), cases[i].known);
		assert_true(!cases[i].known || m->zfs_arc_bytes == UINT64_C(8123456789));
		drop_tables(out);
		host_free(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared_once, make_top, drop_top),
		cmocka_unit_test_setup_teardown(test_forks, make_top, drop_top),
		cmocka_unit_test_setup_teardown(test_missing, make_top, drop_top),
		cmocka_unit_test_setup_teardown(test_zfs, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
