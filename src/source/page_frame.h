/* SPDX-License-Identifier: MIT */
/*
 * What the exact sources share: what page frames there are, and what of the counting becomes rows.
 */
#ifndef MURPHY_SOURCE_PAGE_FRAME_H
#define MURPHY_SOURCE_PAGE_FRAME_H

#include "engine/page_entry.h"
#include "source/share.h"

/*
 * How many page frames there are, from /proc/kpageflags that is open. 0 or -errno; -ERANGE: none,
 * or more than page_count has keys for.
 */
int page_frames(int flags_fd, page_key *ret_frames);

/* The frame of the page that is read where nothing was written; 0: not to be learned. */
page_key page_frame_zero(struct probe *p);

/* Add 512 pages in a row to the space begun last, unless they are hugetlb or the huge zero page. */
int page_frame_block(struct page_count *c, int flags_fd, page_key first);

/* False in a pid namespace of its own: processes outside may map the same pages. */
bool page_frame_sees_all(struct probe *p);

/*
 * Count, by /proc/kpagecount where not all that map pages could be added: seen_all is false. 0,
 * -ENOENT and the like: it cannot be read; or of page_count_finish().
 */
int page_frame_count(struct probe *p, struct page_count *c, bool seen_all);

/* How much page_count may take on this machine. Uses TABLE_meminfo. */
size_t page_frame_limit(const struct probe *p);

/* In which group of page_count the process is: 0 are all that were not asked for. */
uint32_t page_frame_group(const struct shares *s, uint64_t pid);

/* What page_count says of a space, as the share of a process. */
void page_frame_share(struct share *to, const struct page_count *c, int space, long page_bytes);

/* What it says of the groups. */
void page_frame_split(struct shares *s, const struct page_count *c, long page_bytes);

#endif
