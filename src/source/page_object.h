/* SPDX-License-Identifier: MIT */
/*
 * What several processes map together: each file, memfd, System V segment once, by device and
 * inode. Where those that live in memory have pages is asked once for all processes.
 */
#ifndef MURPHY_SOURCE_PAGE_OBJECT_H
#define MURPHY_SOURCE_PAGE_OBJECT_H

#include "base/strbuf.h"
#include "sample/shared_kind.h"
#include "source/page_vma.h"
#include "source/source.h"

/* Pages from to to - 1 of an object, some of which are in memory. */
struct page_extent {
	uint64_t from, to;
};

/*
 * What was drawn of an object, by where it is in it: who has the first half and who the second is
 * not told by sums. Pages.
 */
enum { PAGE_BINS = 64 };
struct page_bin {
	double rss, pss, alone; /* alone: mapped once */
};

/* What the processes of one group that were measured have of an object; pages. */
struct page_part {
	uint32_t object, group;
	uint32_t processes,
		areas; /* that map it; mappings, of which one process may have several */
	double pss, rss;
	uint64_t mapped;
	struct page_bin *bin; /* PAGE_BINS of them, where some were drawn; else NULL */
};

struct page_object {
	uint64_t dev, inode;
	size_t path, path_len; /* in page_objects.paths */
	enum shared_kind kind;
	bool asked;                 /* for size, resident and extents */
	bool sized;                 /* they are known */
	uint64_t size, resident;    /* bytes */
	struct page_extent *extent; /* in order; of those in memory only */
	size_t n_extents;
	uint32_t last_process; /* that mapped it, to count each once */
	size_t part;           /* of the group at hand, plus 1 */
	uint32_t part_group;
};

struct page_objects {
	struct probe *probe;
	struct page_object *object;
	uint32_t *slot; /* open-addressed: number of the object plus 1 */
	size_t n, size, slots;
	struct strbuf paths;
	struct page_part *part;
	size_t n_parts, parts_size;
	struct page_device {
		uint64_t dev;
		enum shared_kind kind; /* FILE, TMPFS or HUGETLB */
	} * device;
	size_t n_devices, devices_size;
	struct strbuf mounts;    /* murphy's own mountinfo */
	unsigned int mountinfos; /* of others, that were read */
	uint64_t shmem_dev;      /* of memfds and System V segments */
	uint64_t page_bytes;
	uint64_t left_out; /* there were too many */
};

int page_objects_init(struct page_objects *o, struct probe *p);
void page_objects_release(struct page_objects *o);

/* The number of what vma of pid maps. -ENOMEM; -E2BIG: one too many. */
int page_objects_of(struct page_objects *o, uint64_t pid, const struct page_vma *vma);

/* Does it live in memory, so that its pages count as RssShmem? */
static inline bool page_object_in_memory(const struct page_object *x)
{
	return x->kind != SHARED_FILE && x->kind != SHARED_HUGETLB;
}

/* Ask, once, where the object of number i, which vma of pid maps, has pages. */
void page_objects_ask(struct page_objects *o, uint32_t i, uint64_t pid, const struct page_vma *vma);

/* Its bin for page number page of an object of pages in all; NULL when memory is out. */
struct page_bin *page_part_bin(struct page_part *part, uint64_t page, uint64_t pages);

/* What group has of object i: to be added to. NULL when memory is out. Until the next call. */
struct page_part *page_objects_part(struct page_objects *o, uint32_t i, uint32_t group);

#endif
