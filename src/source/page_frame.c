/* SPDX-License-Identifier: MIT */
#include "source/page_frame.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { FRAMES_BITS_MAX = 40 };

/*
 * Counting may take that part of the memory, or this much: it needs a tenth of it (page_count.h).
 */
enum { LIMIT_PART = 50, LIMIT_MIN = 64 << 20 };

/* include/uapi/linux/kernel-page-flags.h */
static const uint64_t not_counted = UINT64_C(1) << 17 /* hugetlb */ |
				    UINT64_C(1) << 20 /* no page */ |
				    UINT64_C(1) << 24 /* zero page */;

/* The kernel answers for frames of memory, and with the end of the file beyond (fs/proc/page.c). */
int page_frames(int flags_fd, page_key *ret_frames)
{
	uint64_t flags, from = 0, to = UINT64_C(1) << FRAMES_BITS_MAX;

	while (from < to) {
		uint64_t middle = from + (to - from) / 2;
		ssize_t n = pread(flags_fd, &flags, sizeof(flags), (off_t)(middle * sizeof(flags)));

		if (n < 0)
			return -errno;
		if (n == (ssize_t)sizeof(flags))
			from = middle + 1;
		else
			to = middle;
	}
	if (from == 0 || from >= PAGE_SWAP)
		return -ERANGE;
	*ret_frames = (page_key)from;
	return 0;
}

page_key page_frame_zero(struct probe *p)
{
	size_t size = (size_t)host_page_size(p->host);
	const volatile char *page =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	auto_close fd = host_open_offset(p->host, "proc/self/pagemap");
	uint64_t entry = 0;

	if (page == MAP_FAILED)
		return 0;
	if (fd < 0 || *page != 0 ||
		pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)page / size * sizeof(entry))) !=
			(ssize_t)sizeof(entry))
		entry = 0;
	munmap((void *)(uintptr_t)page, size);
	return (page_key)(entry & (PAGE_SWAP - 1));
}

int page_frame_block(struct page_count *c, int flags_fd, page_key first)
{
	int64_t new_leaf;
	uint64_t flags;
	int err = page_count_block(c, first, &new_leaf);

	if (err < 0 || new_leaf < 0)
		return err;
	if (pread(flags_fd, &flags, sizeof(flags), (off_t)first * (off_t)sizeof(flags)) !=
			(ssize_t)sizeof(flags) ||
		flags & not_counted)
		page_count_ignore(c, new_leaf);
	return 0;
}

static int fetch_counts(void *arg, page_key first, uint64_t ret_count[PAGE_LEAF])
{
	const int *fd = arg;
	size_t size = PAGE_LEAF * sizeof(*ret_count);
	ssize_t n = pread(*fd, ret_count, size, (off_t)first * (off_t)sizeof(*ret_count));

	if (n < 0)
		return -errno;
	/* The last frames may end within them. */
	memset((char *)ret_count + n, 0, size - (size_t)n);
	return 0;
}

int page_frame_count(struct probe *p, struct page_count *c, bool seen_all)
{
	if (seen_all)
		return page_count_finish(c, NULL, NULL);
	auto_close fd = host_open_offset(p->host, "proc/kpagecount");

	return fd < 0 ? fd : page_count_finish(c, fetch_counts, &fd);
}

bool page_frame_sees_all(struct probe *p)
{
	char target[64];
	ssize_t n = host_link(p->host, "proc/self/ns/pid", target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	/* include/linux/proc_ns.h, PROC_PID_INIT_INO */
	return strcmp(target, "pid:[4026531836]") == 0;
}

size_t page_frame_limit(const struct probe *p)
{
	const struct meminfo *m = table_only(probe_used(p, TABLE_meminfo));
	size_t bytes = m ? (size_t)(m->total_bytes / LIMIT_PART) : 0;

	return bytes > LIMIT_MIN ? bytes : LIMIT_MIN;
}

uint32_t page_frame_group(const struct shares *s, uint64_t pid)
{
	const struct share *one = shares_find(s, pid);

	return one ? one->group_at + 1 : 0;
}

void page_frame_share(struct share *to, const struct page_count *c, int space, long page_bytes)
{
	struct page_sums sums = page_count_sums(c, space);
	double page = (double)page_bytes;

	to->rss = (double)sums.rss * page;
	to->uss = (double)sums.uss * page;
	to->pss = sums.pss * page;
	to->swap = (double)sums.swap * page;
	to->swap_pss = sums.swap_pss * page;
}

void page_frame_split(struct shares *s, const struct page_count *c, long page_bytes)
{
	for (uint32_t g = 0; g < s->n_groups; g++) {
		s->group[g].split = true;
		s->group[g].exclusive = (double)page_count_exclusive(c, g + 1) * (double)page_bytes;
		s->group[g].shared = (double)page_count_shared(c, g + 1) * (double)page_bytes;
	}
}
