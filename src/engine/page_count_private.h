/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of page_count share: page_count.c takes leaves in, page_count_sum.c counts.
 */
#ifndef MURPHY_ENGINE_PAGE_COUNT_PRIVATE_H
#define MURPHY_ENGINE_PAGE_COUNT_PRIVATE_H

#include "engine/page_count.h"

/*
 * Keys are kept from the first to the last that is not 0, or with an index each where most between
 * them are: so it is with shared libraries.
 */
struct page_leaf {
	uint64_t hash;
	const page_key *key;   /* NULL: the 512 pages from first on */
	const uint16_t *index; /* of n keys; NULL: they are one after the other */
	page_key first;
	uint16_t from, to; /* of the keys that are one after the other */
	uint32_t n;        /* keys but 0 */
	uint32_t next;    /* the leaf that came after it last time, + 1: so it will again, mostly */
	uint32_t refs;    /* of spaces, in all */
	uint32_t owner;   /* as of a page */
	uint32_t kin;     /* up a tree of leaves that have pages in common; the top: itself */
	uint32_t counted; /* the group that it was counted for last, + 1 */
	uint32_t seen;    /* of the top: the group that looked at its tree last, + 1 */
	uint32_t only; /* of the top: the only leaf that the group has in the tree; NONE: several */
	uint32_t rss, uss, swap;
	uint32_t several;    /* of rss: those that more than one group maps */
	bool ignored, twice; /* twice: one page at two places */
	double pss, swap_pss;
};

struct page_space {
	uint32_t group;
	bool dropped;
	size_t first, n; /* its refs */
};

/* Counters of 512 neighbouring keys. */
struct page_block {
	uint32_t count[PAGE_LEAF];
	uint32_t owner[PAGE_LEAF]; /* the only group that maps it + 1, or SEVERAL | who looked */
	uint32_t leaf[PAGE_LEAF];  /* the last in which it was found, + 1 */
};

enum { PARTS = 1 << 10, PART_BLOCKS = 1 << 13 };

struct page_part {
	struct page_block **block;
};

#define SEVERAL UINT32_C(0x80000000)
#define NONE UINT32_MAX

/* May it take so many bytes more? Then they are counted. */
bool page_count_may_take(struct page_count *c, size_t bytes);

/* So many zeroed bytes, for as long as it lives. 0, -EFBIG or -ENOMEM. */
int page_count_take(struct page_count *c, size_t bytes, void **ret_at);

#endif
