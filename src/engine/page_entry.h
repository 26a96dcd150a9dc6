/* SPDX-License-Identifier: MIT */
/*
 * What page table entries say, reduced to page_count's keys. Pure.
 *
 * An entry that maps no memory of the process's is 0: nothing there, the zero page, device memory
 * (a special entry, or a frame beyond the memory), a page that is just being moved.
 */
#ifndef MURPHY_ENGINE_PAGE_ENTRY_H
#define MURPHY_ENGINE_PAGE_ENTRY_H

#include "engine/page_count.h"

/* arch/x86/include/asm/pgtable_types.h, pgtable-2level.h to pgtable_64.h */
#define X86_PRESENT UINT64_C(0x001)
#define X86_LARGE UINT64_C(0x080)
#define X86_PROT_NONE UINT64_C(0x100)
#define X86_SPECIAL UINT64_C(0x200)
#define X86_FRAME UINT64_C(0x000ffffffffff000)

/*
 * Of the 32 types of swap entries the last are no swap space: migration, device memory, poisoned
 * pages, markers (include/linux/swap.h, MAX_SWAPFILES): some nine, as the kernel is built.
 */
enum { PAGE_SWAP_TYPES = 23 };

/* What the entries of one machine can mean. */
struct page_entries {
	page_key frames;    /* page frames from 0 on: memory ends there */
	page_key zero_page; /* its frame, where entries do not say by themselves; 0: they do */
};

/* 512 entries of an x86-64 page table, as they lie in memory. */
void page_entry_x86(
	const struct page_entries *e, const uint64_t entry[PAGE_LEAF], page_key ret_key[PAGE_LEAF]);

/* Do they map just what was guessed? Faster than page_entry_x86(). */
bool page_entry_x86_equal(const uint64_t entry[PAGE_LEAF], const struct page_guess *guess);

/*
 * The first of the 512 pages that an entry of a table above maps; 0: none, it is empty, leads to a
 * table, or maps what is no memory.
 */
page_key page_entry_x86_block(const struct page_entries *e, uint64_t entry);

/* 512 entries of /proc/PID/pagemap (fs/proc/task_mmu.c). */
void page_entry_map(
	const struct page_entries *e, const uint64_t entry[PAGE_LEAF], page_key ret_key[PAGE_LEAF]);

/* All 512 pages one after the other, the first a multiple of 512: as a huge page is mapped. */
bool page_entry_is_block(const page_key key[PAGE_LEAF]);

#endif
