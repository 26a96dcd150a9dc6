/* SPDX-License-Identifier: MIT */
/*
 * How often pages are mapped: /proc/kpagecount, remembered. Pages of libraries and what forks still
 * share come again with each process. Groups are looked at one after the other, so that a page
 * knows whether one of them alone has it.
 */
#ifndef MURPHY_SOURCE_PAGE_COUNTS_H
#define MURPHY_SOURCE_PAGE_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_COUNTS_SLOTS = 1 << 18 }; /* 6 MiB; pages that find no room are asked for each time */

struct page_seen {
	uint64_t frame; /* number of the page frame plus 1; 0: free */
	uint32_t maps;
	uint32_t group;   /* that saw it first */
	uint32_t last;    /* that saw it last */
	uint32_t touches; /* how often the first did; 0: another one has it as well */
};

struct page_counts {
	int fd; /* of /proc/kpagecount, not owned */
	struct page_seen *slot;
	size_t n, slots;
	uint64_t *common; /* by group: pages that another one has as well; not owned */
};

/* How often the frame is mapped, which a process of group has. False: it is not known yet. */
bool page_counts_of(struct page_counts *c, uint64_t frame, uint32_t group, uint32_t *ret_maps);

/* Remember it. */
void page_counts_note(struct page_counts *c, uint64_t frame, uint32_t maps, uint32_t group);

/* Of n frames in a row, straight from the kernel. 0 or -errno. */
int page_counts_run(const struct page_counts *c, uint64_t frame, size_t n, uint64_t *ret_maps);

/* What is noted from now on may be left out. */
static inline bool page_counts_full(const struct page_counts *c)
{
	return c->slots >= PAGE_COUNTS_SLOTS && c->n * 2 >= c->slots;
}

void page_counts_release(struct page_counts *c);

#endif
