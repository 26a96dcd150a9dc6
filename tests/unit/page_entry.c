/* SPDX-License-Identifier: MIT */
/* What entries of page tables and of pagemap say. */
#include "engine/page_entry.h"
#include "tests/unit/unit.h"

#include <string.h>

static const struct page_entries machine = { .frames = 1 << 20, .zero_page = 77 };

#define FRAME(n) ((uint64_t)(n) << 12)
#define NO_EXEC (UINT64_C(1) << 63)
#define USED UINT64_C(0x66) /* writable, user, accessed, dirty */
#define MAP_PRESENT (UINT64_C(1) << 63)
#define MAP_SWAPPED (UINT64_C(1) << 62)

static page_key x86(uint64_t entry)
{
	uint64_t table[PAGE_LEAF] = { 0 };
	page_key key[PAGE_LEAF];

	/* Among plain neighbours, which must not notice. */
	table[0] = FRAME(5) | X86_PRESENT;
	table[300] = entry;
	page_entry_x86(&machine, table, key);
	assert_int_equal(key[0], 5);
	assert_int_equal(key[1], 0);
	return key[300];
}

static void x86_maps_memory(void **state UNUSED)
{
	assert_int_equal(x86(0), 0);
	assert_int_equal(x86(FRAME(1234) | X86_PRESENT), 1234);
	assert_int_equal(x86(FRAME(1234) | X86_PRESENT | USED | NO_EXEC), 1234);
	assert_int_equal(x86(FRAME((1 << 20) - 1) | X86_PRESENT), (1 << 20) - 1);
	/* PROT_NONE, also of NUMA balancing: the frame is inverted. */
	assert_int_equal(x86((~FRAME(1234) & X86_FRAME) | X86_PROT_NONE | USED), 1234);
}

static void x86_maps_no_memory(void **state UNUSED)
{
	/* The zero page and device memory are special. */
	assert_int_equal(x86(FRAME(1234) | X86_PRESENT | X86_SPECIAL), 0);
	assert_int_equal(x86((~FRAME(1234) & X86_FRAME) | X86_PROT_NONE | X86_SPECIAL), 0);
	assert_int_equal(x86(FRAME(1 << 20) | X86_PRESENT), 0);
	assert_int_equal(x86(FRAME(UINT64_C(1) << 33 | 5) | X86_PRESENT), 0);
	assert_int_equal(x86(X86_FRAME | X86_PRESENT), 0);
}

/* Compared with keys that are known, entries say the same as read one by one. */
static void x86_equal(void **state UNUSED)
{
	static const uint64_t others[] = { 0, FRAME(1301) | X86_PRESENT, FRAME(1300),
		FRAME(1300) | X86_PRESENT | X86_SPECIAL,
		FRAME(UINT64_C(1) << 32 | 1300) | X86_PRESENT,
		(~FRAME(1300) & X86_FRAME) | X86_PROT_NONE };
	enum { FROM = 100, TO = 400, HOLE = 200, AT = 300 };

	for (int dense = 0; dense < 2; dense++) {
		uint64_t table[PAGE_LEAF] = { 0 };
		page_key key[PAGE_LEAF];
		struct page_guess guess = { key + FROM, FROM, TO, dense };

		for (size_t i = FROM; i < TO; i++)
			table[i] = FRAME(1000 + i) | X86_PRESENT | (i % 2 ? USED : NO_EXEC);
		table[HOLE] = dense ? table[HOLE] : 0;
		page_entry_x86(&machine, table, key);
		assert_true(page_entry_x86_equal(table, &guess));
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			table[AT] = others[i];
			assert_false(page_entry_x86_equal(table, &guess));
		}
		table[AT] = FRAME(1300) | X86_PRESENT;
		table[FROM - 1] = FRAME(5) | X86_PRESENT;
		assert_false(page_entry_x86_equal(table, &guess));
		table[FROM - 1] = 0;
		table[TO] = FRAME(5) | X86_PRESENT;
		assert_false(page_entry_x86_equal(table, &guess));
		table[TO] = 0;
		assert_true(page_entry_x86_equal(table, &guess));
	}
}

/* As __swp_entry() of the kernel makes it. */
static uint64_t swap_entry(uint64_t type, uint64_t offset)
{
	return (~offset << 14 >> 5) | type << 59;
}

static void swap_is_a_slot(void **state UNUSED)
{
	uint64_t map[PAGE_LEAF] = { 0 };
	page_key key[PAGE_LEAF];

	assert_int_equal(x86(swap_entry(0, 9)), PAGE_SWAP | 9);
	assert_int_equal(x86(swap_entry(3, 70000)), PAGE_SWAP | 3 << 26 | 70000);
	/* Its flags (soft dirty, exclusive) do not count. */
	assert_int_equal(x86(swap_entry(3, 70000) | 0x0c), PAGE_SWAP | 3 << 26 | 70000);
	/* Migration and the like. */
	assert_int_equal(x86(swap_entry(30, 70000)), 0);
	map[7] = MAP_SWAPPED | UINT64_C(70000) << 5 | 3;
	map[8] = MAP_SWAPPED | UINT64_C(70000) << 5 | 30;
	page_entry_map(&machine, map, key);
	assert_int_equal(key[7], PAGE_SWAP | 3 << 26 | 70000);
	assert_int_equal(key[8], 0);
}

static void pagemap(void **state UNUSED)
{
	uint64_t map[PAGE_LEAF] = { [0] = MAP_PRESENT | 1234,
		[1] = MAP_PRESENT | UINT64_C(3) << 55 | 1235,
		[2] = 1236,
		[3] = MAP_PRESENT | 77,
		[4] = MAP_PRESENT | 1 << 20,
		[5] = MAP_PRESENT };
	page_key key[PAGE_LEAF];

	page_entry_map(&machine, map, key);
	assert_int_equal(key[0], 1234);
	assert_int_equal(key[1], 1235);
	/* Not there; the zero page; beyond memory; hidden from us. */
	for (int i = 2; i < 6; i++)
		assert_int_equal(key[i], 0);
}

static void blocks(void **state UNUSED)
{
	page_key key[PAGE_LEAF];

	assert_int_equal(
		page_entry_x86_block(&machine, FRAME(1024) | X86_LARGE | X86_PRESENT), 1024);
	/* Bit 12 is of the caching, not of the frame. */
	assert_int_equal(
		page_entry_x86_block(&machine, FRAME(1025) | X86_LARGE | X86_PRESENT), 1024);
	assert_int_equal(page_entry_x86_block(
				 &machine, (~FRAME(1024) & X86_FRAME) | X86_LARGE | X86_PROT_NONE),
		1024);
	assert_int_equal(page_entry_x86_block(&machine, FRAME(1024) | X86_PRESENT), 0);
	assert_int_equal(page_entry_x86_block(&machine, FRAME(1024) | X86_LARGE), 0);
	assert_int_equal(
		page_entry_x86_block(&machine, FRAME(1 << 20) | X86_LARGE | X86_PRESENT), 0);
	for (page_key i = 0; i < PAGE_LEAF; i++)
		key[i] = 1024 + i;
	assert_true(page_entry_is_block(key));
	key[200] = 0;
	assert_false(page_entry_is_block(key));
	for (page_key i = 0; i < PAGE_LEAF; i++)
		key[i] = 1025 + i;
	assert_false(page_entry_is_block(key));
	memset(key, 0, sizeof(key));
	assert_false(page_entry_is_block(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x86_maps_memory),
		cmocka_unit_test(x86_maps_no_memory),
		cmocka_unit_test(x86_equal),
		cmocka_unit_test(swap_is_a_slot),
		cmocka_unit_test(pagemap),
		cmocka_unit_test(blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
