/* SPDX-License-Identifier: MIT */
/* Lines of /proc/PID/maps, parsed where they lie: hosts have millions of them. */
#ifndef MURPHY_SOURCE_PAGE_VMA_H
#define MURPHY_SOURCE_PAGE_VMA_H

#include "base/cursor.h"

struct page_vma {
	uint64_t start, end, offset; /* bytes */
	uint64_t dev, inode;         /* major << 20 | minor; inode 0: no object */
	bool shared;                 /* MAP_SHARED */
	struct span path;            /* of the text; without " (deleted)" */
};

/*
 * Take the next line. False at the end, and at a line that is not in this form (*ret_bad).
 *
 * Shape:  "START-END rwxp OFFSET MAJOR:MINOR INODE   PATH", hex but for the inode.
 * Source: fs/proc/task_mmu.c, show_map_vma().
 */
bool page_vma_next(struct cursor *c, struct page_vma *ret_vma, bool *ret_bad);

/* Pages of the kernel's own, of which RSS has nothing. */
static inline bool page_vma_of_kernel(const struct page_vma *v)
{
	return v->inode == 0 &&
	       (span_starts(v->path, "[vvar") || span_starts(v->path, "[vsyscall"));
}

#endif
