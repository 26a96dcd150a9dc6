/* SPDX-License-Identifier: MIT */
/*
 * Members of a large group that resemble each other, as far as status tells: those that map half of
 * a segment, those that map all of it, those with a large heap. What a shared page is worth differs
 * between them and hardly within them, so a few of each kind tell more than many of all (stratified
 * sampling).
 */
#ifndef MURPHY_SOURCE_PAGE_KINDS_H
#define MURPHY_SOURCE_PAGE_KINDS_H

#include "source/page_members.h"

enum { PAGE_KINDS_MAX = 8 };

struct page_kind {
	struct page_member_of **member;
	size_t n;
	double likely; /* of the group's PSS, 0 to 1 */
};

struct page_kinds {
	struct page_kind kind[PAGE_KINDS_MAX];
	size_t n;
	struct page_member_of **member; /* all, by kind */
};

/* Who has ended, shares another one's address space or was not read is of no kind. 0 or -ENOMEM. */
int page_kinds_find(const struct page_members *all, const struct page_group_of *g,
	struct page_kinds *ret_kinds);
void page_kinds_release(struct page_kinds *k);

#endif
