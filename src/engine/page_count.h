/* SPDX-License-Identifier: MIT */
/*
 * Counts how often each page is mapped, from what the page tables of all processes say, and splits
 * memory among processes and groups of them. Pure and exact.
 *
 * Its unit is the *leaf*: what 512 entries of one page table map. Processes that map the same
 * object have mostly equal leaves, so each different one is kept once and processes only refer to
 * it (4 bytes): reading a process costs a hash and a comparison per leaf, and everything that looks
 * at single pages costs what the different leaves cost, however many processes map them.
 *
 * Memory: at most 6 bytes for each page that a different leaf holds and 112 for the leaf, 4 for
 * each page table, and 6 KiB for each 2 MiB of memory in which a page was seen: some 0.4 % of the
 * memory that is mapped, and page_count.limit_bytes at most.
 */
#ifndef MURPHY_ENGINE_PAGE_COUNT_H
#define MURPHY_ENGINE_PAGE_COUNT_H

#include "base/arena.h"

#include <stdint.h>

enum { PAGE_LEAF = 512 };

/*
 * What an entry maps: a page frame (below PAGE_SWAP, never 0), nothing (0), or a slot of swap space
 * (PAGE_SWAP and a number that is its own among all swap space).
 */
typedef uint32_t page_key;
#define PAGE_SWAP UINT32_C(0x80000000)

/* Pages, in units of a page; swap entries apart. */
struct page_sums {
	uint64_t rss, uss, swap;
	double pss, swap_pss;
};

struct page_count {
	struct page_leaf *leaf;
	size_t n_leaves, leaves_size;
	uint32_t *slot; /* hash table: number of a leaf + 1 */
	size_t n_slots;
	uint32_t *ref; /* leaves of all spaces, one after the other */
	size_t n_refs, refs_size;
	struct page_space *space;
	size_t n_spaces, spaces_size;
	struct page_part *part; /* by page_key / 2^22 */
	uint32_t last;          /* leaf of the space that was begun last, + 1 */
	size_t n_groups;
	uint64_t *exclusive, *shared; /* by group */
	struct arena arena;           /* keys of the leaves, counters */
	size_t used_bytes, limit_bytes;
	uint32_t weight[PAGE_LEAF]; /* of the hash */
};

/* 0 or -ENOMEM. limit_bytes bounds what it takes in all. */
int page_count_init(struct page_count *c, size_t limit_bytes);
void page_count_release(struct page_count *c);

/*
 * Begin an address space, to which all leaves belong that are added until the next one. group is
 * any small number: they are counted up to the largest. Its number, or -ENOMEM.
 */
int page_count_space(struct page_count *c, uint32_t group);

/* Add what 512 entries map. 0, -ENOMEM, or -EFBIG: the limit is reached. */
int page_count_leaf(struct page_count *c, const page_key key[PAGE_LEAF]);

/*
 * What the next leaf will be if it is as it was in the space before. False: it cannot be told so.
 * page_count_guessed() adds that leaf.
 */
struct page_guess {
	const page_key *key; /* of the pages from to to - 1; of the others 0 */
	size_t from, to;
	bool dense; /* no key is 0 */
};
bool page_count_guess(const struct page_count *c, struct page_guess *ret_guess);
int page_count_guessed(struct page_count *c);

/*
 * Add 512 pages from first on, which is a multiple of 512, mapped by one entry or by 512.
 * *ret_leaf is set when nobody added it before: see page_count_ignore().
 */
int page_count_block(struct page_count *c, page_key first, int64_t *ret_new_leaf);

/*
 * A leaf that turned out to be no memory of processes (hugetlb, the huge zero page) counts nothing.
 */
void page_count_ignore(struct page_count *c, int64_t leaf);

/* The space was gone before it was read to its end: none of it counts. */
void page_count_drop(struct page_count *c, int space);

/*
 * All spaces were added: count. 0 or -ENOMEM, -EFBIG.
 *
 * Where not all that map a page could be added, fetch tells how often 512 pages from first on are
 * mapped: 0, or -errno that ends it. NULL: they were.
 */
int page_count_finish(struct page_count *c,
	int (*fetch)(void *arg, page_key first, uint64_t ret_count[PAGE_LEAF]), void *arg);

/* What one space maps. As in the kernel's smaps: private is what is mapped once, wherever. */
struct page_sums page_count_sums(const struct page_count *c, int space);

/* Pages that only spaces of the group map, each once, and those that others map too. */
uint64_t page_count_exclusive(const struct page_count *c, uint32_t group);
uint64_t page_count_shared(const struct page_count *c, uint32_t group);

#endif
