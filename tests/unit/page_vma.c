/* SPDX-License-Identifier: MIT */
/* What page_sample and page_status read of processes, and what is remembered of pages. */
#include "source/page_vma.h"
#include "source/mem_status.h"
#include "source/page_counts.h"
#include "source/source.h"
#include "tests/unit/unit.h"

#include <errno.h>

static void test_maps(void **state UNUSED)
{
	static const char text[] =
		"55d0c0a00000-55d0c0a2c000 r--p 00002000 fe:00 1057 /usr/bin/a b\n"
		"7f0000000000-7f1900000000 rw-s 40000000 00:01 1026      "
		"                 /memfd:name (deleted)\n"
		"7ffd4a000000-7ffd4a021000 rw-p 00000000 00:00 0          [stack]\n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n"
		"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n";
	struct cursor c = cursor_of(text, sizeof(text) - 1);
	struct page_vma v;
	bool bad;

	assert_true(page_vma_next(&c, &v, &bad));
	assert_true(v.start == 0x55d0c0a00000 && v.end == 0x55d0c0a2c000 && v.offset == 0x2000);
	assert_true(v.dev == (0xfeu << 20 | 0) && v.inode == 1057 && !v.shared);
	assert_true(span_eq(v.path, "/usr/bin/a b"));
	assert_true(page_vma_next(&c, &v, &bad));
	assert_true(v.shared && v.dev == 1 && v.offset == 0x40000000);
	assert_true(span_eq(v.path, "/memfd:name"));
	assert_true(page_vma_next(&c, &v, &bad));
	assert_true(v.inode == 0 && span_eq(v.path, "[stack]"));
	assert_true(page_vma_next(&c, &v, &bad));
	assert_true(v.start == 0xffffffffff600000);
	assert_true(page_vma_next(&c, &v, &bad));
	assert_int_equal(v.path.len, 0);
	assert_false(page_vma_next(&c, &v, &bad));
	assert_false(bad);
}

static void test_bad_maps(void **state UNUSED)
{
	static const char *const texts[] = { "\n", "x", "1000", "2000-1000 r--p 0 0:0 0\n",
		"1000-2000 r--p\n", "1000-2000 r--p 0 00:00\n", "1000-2000 r--p 0 00:00 x\n",
		"10000000000000000-20000000000000000 r--p 0 00:00 0\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct cursor c = cursor_of(texts[i], strlen(texts[i]));
		struct page_vma v;
		bool bad = false;

		assert_false(page_vma_next(&c, &v, &bad));
		assert_true(bad);
	}
}

static void test_status(void **state UNUSED)
{
	static const char text[] = "Name:\tVmRSS:\\n\nUmask:\t0022\nState:\tS (sleeping)\n"
				   "Pid:\t7\nPPid:\t3\nUid:\t0\t0\t0\t0\nVmPeak:\t    9000 kB\n"
				   "VmRSS:\t    3000 kB\nRssAnon:\t    1000 kB\n"
				   "RssFile:\t    1500 kB\nRssShmem:\t     500 kB\n"
				   "VmPTE:\t      56 kB\nVmSwap:\t      12 kB\nThreads:\t1\n";
	static const char kthread[] = "Name:\tkworker\nPid:\t8\nPPid:\t2\nKthread:\t1\n";
	struct mem_status s, other;
	struct span name;

	assert_int_equal(mem_status_parse(text, sizeof(text) - 1, &s, &name), 0);
	assert_true(span_eq(name, "VmRSS:\\n"));
	assert_true(s.pid == 7 && s.state == 'S' && s.mapped && !s.kernel && !s.zombie);
	assert_true(s.ppid == 3 && s.rss == 3000 << 10 && s.anon == 1000 << 10);
	assert_true(s.file == 1500 << 10 && s.shmem == 500 << 10 && s.parts);
	assert_true(s.tables == 56 << 10 && s.swap == 12 << 10);
	assert_int_equal(mem_status_parse(kthread, sizeof(kthread) - 1, &other, &name), 0);
	assert_true(other.kernel && !other.mapped);
	assert_true(other.rss == 0 && !other.parts && other.space != s.space);
	assert_int_equal(mem_status_parse(text, 20, &other, &name), -ENODATA);
	assert_int_equal(mem_status_parse("PPid:\tx\n", 8, &other, &name), -EINVAL);
}

static void test_counts(void **state UNUSED)
{
	enum { FRAMES = 10000 };
	uint64_t common[3] = { 0 };
	struct page_counts c = { .common = common };
	uint32_t maps;

	assert_false(page_counts_of(&c, 0, 0, &maps));
	for (uint32_t i = 0; i < FRAMES; i++)
		page_counts_note(&c, i, i, 0);
	assert_int_equal(c.n, FRAMES);
	assert_false(page_counts_of(&c, FRAMES, 0, &maps));
	for (uint32_t i = 0; i < FRAMES; i++) {
		assert_true(page_counts_of(&c, i, 0, &maps));
		assert_int_equal(maps, i);
	}
	/* Another group has one of them, twice: it is nobody's own, once for each of the two. */
	page_counts_of(&c, 7, 1, &maps);
	page_counts_note(&c, 7, 7, 1);
	assert_true(common[0] == 1 && common[1] == 1);
	page_counts_of(&c, 7, 2, &maps);
	page_counts_of(&c, 7, 2, &maps);
	assert_true(common[0] == 1 && common[1] == 1 && common[2] == 1);
	page_counts_release(&c);
}

static void test_smaps(void **state UNUSED)
{
	static const char text[] = "1000-3000 r--p 00000000 fe:00 7  /lib/a b\n"
				   "Size:                  8 kB\nRss:                   8 kB\n"
				   "Pss:                   5 kB\nPrivate_Clean:         1 kB\n"
				   "Private_Dirty:         2 kB\nSwap:                  4 kB\n"
				   "ProtectionKey:         0\nVmFlags: rd mr mw me\n"
				   "5000-6000 rw-p 00000000 00:00 0 \nRss:   4 kB\nPss:   4 kB\n"
				   "8000-9000 rw-p 00001000 fe:00 7  /lib/a b (deleted)\n"
				   "Rss:                   4 kB\nPss:                   4 kB\n"
				   "Private_Clean:         0 kB\nPrivate_Dirty:         4 kB\n"
				   "Swap:                  0 kB\n";
	static const char *const bad[] = { "Rss: 4 kB\n", "1000-2000 r--p 0 0:0 0\nRss: x kB\n",
		"1000-2000 r--p 0 0:0 0\nRss: 4 kB\nRss: 4 kB\n", "x\n" };
	struct table *t = table_new(schemas[TABLE_mapping]);

	assert_int_equal(smaps_parse(text, sizeof(text) - 1, t), 0);
	assert_int_equal(t->n, 2);
	const struct mapping *m = table_at(t, 1), *none = table_at(t, 0);

	assert_string_equal(table_text(t, m->path), "/lib/a b");
	assert_true(m->mappings == 2 && m->start == 0x1000 && m->size_bytes == 0x3000);
	assert_true(m->rss_bytes == 12 << 10 && m->pss_bytes == 9 << 10);
	assert_true(m->uss_bytes == 7 << 10 && m->swap_bytes == 4 << 10);
	assert_string_equal(table_text(t, none->path), "");
	assert_false(row_has(none->has, MAPPING_uss_bytes));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(smaps_parse(bad[i], strlen(bad[i]), t), -EINVAL);
		assert_int_equal(t->n, 2);
	}
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_bad_maps),
		cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
