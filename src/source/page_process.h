/* SPDX-License-Identifier: MIT */
/*
 * How much memory one process has, without walking all of its page tables: what is its own is read
 * page by page, what it maps of large objects is sampled.
 *
 * Nothing here holds its mmap_lock for long: the kernel takes it anew for each 2 MiB of pagemap
 * that are read (fs/proc/task_mmu.c, pagemap_read()), and PAGEMAP_SCAN is asked for few pages at a
 * time.
 */
#ifndef MURPHY_SOURCE_PAGE_PROCESS_H
#define MURPHY_SOURCE_PAGE_PROCESS_H

#include "engine/page_sample.h"
#include "source/mem_status.h"
#include "source/page_counts.h"
#include "source/page_object.h"

/* As the parts of struct page_member. */
enum page_part_of { PART_ANON, PART_FILE, PART_SHMEM };

/* Pages from to to - 1 of the address space. */
struct page_range {
	uint64_t from, to;
	uint32_t vma;
};

struct page_area {
	uint64_t from, to; /* pages */
	uint64_t offset;   /* of the object, pages */
	int object;        /* -1: none */
	bool memory;       /* its object's pages count as RssShmem */
	bool shared;
};

/* Part of the address space from which pages are drawn. */
struct page_piece {
	uint64_t from;   /* first page */
	uint64_t before; /* pages of the pieces before */
	uint32_t big;
};

/* A mapping of a large object. */
struct page_big {
	uint32_t area;
};

/* A page that was drawn and is there. */
struct page_hit {
	uint32_t area;
	uint32_t maps;
	uint64_t page;
};

enum { PAGE_DRAWS_MAX = 2048 }; /* of one process, however few of them are there */

/* What is needed to measure processes, one after the other. */
struct page_meter {
	struct probe *probe;
	struct page_counts counts;
	struct page_objects objects;
	struct page_random random;
	uint64_t page_bytes, huge_pages; /* pages that one entry of the next level maps */
	uint32_t group;                  /* whose the next process is */
	uint32_t process;                /* counts them */
	size_t budget;                   /* pages of its own that are read of a process */
	double worth;                    /* PSS of a shared page, on the average */
	size_t draws;                    /* pages that are to be hit of its large objects */
	bool no_scan;                    /* the kernel has no PAGEMAP_SCAN */
	bool holes;                      /* ranges of its anonymous memory may have holes */
	bool partial; /* not all of its pages that others map as well were looked up */
	/* of the process at hand */
	int fd; /* its pagemap */
	struct host_turn turn;
	struct strbuf text;
	struct page_area *area;
	size_t n_areas, areas_size;
	struct page_range *range;
	size_t n_ranges, ranges_size;
	struct page_big *big;
	size_t n_bigs, bigs_size;
	struct page_piece *piece;
	size_t n_pieces, pieces_size;
	struct page_hit hit[PAGE_DRAWS_MAX];
	size_t n_hits;
	uint64_t *entry; /* of pagemap */
	size_t reads;    /* of kpagecount */
	uint64_t ahead;  /* a frame; what kpagecount says of it and those behind it */
	uint64_t ahead_maps[64];
	size_t n_ahead;
	struct page_reservoir left[PAGE_PARTS]; /* frames whose counts were not read */
};

static inline double pages_of(const struct page_meter *m, uint64_t bytes)
{
	return (double)bytes / (double)m->page_bytes;
}

/* Pages. */
struct page_result {
	double rss[PAGE_PARTS], pss[PAGE_PARTS], uss[PAGE_PARTS];
	struct page_estimate error; /* of the sum of pss */
};

/* Of page frames pagemap tells only who may know, and else nothing can be looked up. */
bool page_meter_sees_frames(const struct probe *p);

/* Of kpagecount that is open. 0 or -ENOMEM. */
int page_meter_init(struct page_meter *m, struct probe *p, int counts_fd);
void page_meter_release(struct page_meter *m);

/* 0 or -errno: -ESRCH, -ENOENT it has ended; -EACCES, -EPERM it does not let us look. */
int page_process_measure(struct page_meter *m, uint64_t pid, const struct mem_status *status,
	struct page_result *ret_result);

/* The parts of it: page_process.c uses those of page_read.c and page_draw.c. */

/* Room for one more in an array of any type. 0 or -ENOMEM. */
int page_room(void *array, size_t n, size_t *size, size_t item);

/* Read all of m->range, or, where that is too much, clusters of those that are large. */
int page_read_ranges(struct page_meter *m, const struct mem_status *s, struct page_result *r);

/* Count one page of part. */
void page_count_one(struct page_result *r, enum page_part_of part, uint32_t maps);

/* Count the entries of area from page first on. */
void page_count_entries(struct page_meter *m, const struct page_area *a, uint64_t first,
	const uint64_t *entry, size_t n, struct page_result *r);

/* Draw pages of m->big. */
int page_draw(struct page_meter *m, const struct mem_status *s, struct page_result *r);

#define PAGE_PRESENT(e) ((e) >> 63 != 0)
#define PAGE_OF_FILE(e) (((e) >> 61 & 1) != 0)
#define PAGE_ALONE(e) (((e) >> 56 & 1) != 0)
#define PAGE_FRAME(e) ((e) & ((UINT64_C(1) << 55) - 1))

enum { PAGE_ENTRIES = 8192 }; /* that are read at once */

#endif
