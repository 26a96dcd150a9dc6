/* SPDX-License-Identifier: MIT */
/* How this machine maps memory. Nothing is taken for granted that own pages do not prove. */
#include "base/clock.h"
#include "source/page_frame.h"
#include "source/page_table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { OWN_PAGES = 64, PROOFS = 3 };

#define GIB_SHIFT 30
/*
 * Below these, of 4 and 5 levels, that mapping never begins: Documentation/arch/x86/x86_64/mm.rst.
 */
#define LOWEST_BASE_4 UINT64_C(0xffff880000000000)
#define LOWEST_BASE_5 UINT64_C(0xff10000000000000)

/* Pages of this process, each of which holds what no other page does, and their frames. */
struct own_pages {
	unsigned char (*page)[PAGE_SIZE_X86];
	uint64_t frame[OWN_PAGES];
	int map_fd;
};

static int decline(struct page_table_walk *w, const char *why)
{
	w->why = why;
	return -ENOTSUP;
}

static int find_own(struct page_table_walk *w, struct own_pages *own)
{
	uint64_t entry[OWN_PAGES];
	uintptr_t at = (uintptr_t)own->page;
	ssize_t n = pread(own->map_fd, entry, sizeof(entry), (off_t)(at / PAGE_SIZE_X86 * 8));

	if (n != (ssize_t)sizeof(entry))
		return n < 0 ? -errno : -EIO;
	for (size_t i = 0; i < OWN_PAGES; i++) {
		own->frame[i] = entry[i] & ((UINT64_C(1) << 55) - 1);
		if (own->frame[i] == 0 || own->frame[i] >= w->entries.frames)
			return -EPERM;
	}
	return 0;
}

static int make_own(struct page_table_walk *w, struct probe *p, struct own_pages *own)
{
	uint64_t seed = clock_ns(CLOCK_MONOTONIC);
	void *at = mmap(NULL, sizeof(*own->page) * OWN_PAGES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || !at)
		return -ENOMEM;
	own->page = at;
	for (size_t i = 0; i < sizeof(*own->page) * OWN_PAGES; i += sizeof(seed)) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		memcpy((char *)at + i, &seed, sizeof(seed));
	}
	own->map_fd = host_open_offset(p->host, "proc/self/pagemap");
	return own->map_fd < 0 ? own->map_fd : find_own(w, own);
}

static void release_own(struct own_pages *own)
{
	if (own->page)
		munmap(own->page, sizeof(*own->page) * OWN_PAGES);
	if (own->map_fd >= 0)
		close(own->map_fd);
}

/*
 * The kernel has all memory mapped from a base on that it chooses at boot, a multiple of 1 GiB
 * (arch/x86/mm/kaslr.c). Not every kernel tells its symbol, but a page table lies in that mapping,
 * so the base is one of the multiples below it, no further than there is memory: an own page is
 * looked for from each of them. From the lowest up, so that nothing is read beyond the end of
 * memory, where devices may be: below the base there is nothing at all.
 */
static int learn_base(struct page_table_walk *w, const struct own_pages *own, uint64_t table)
{
	uint64_t first = table >> GIB_SHIFT << GIB_SHIFT;
	uint64_t most = ((uint64_t)w->entries.frames * PAGE_SIZE_X86 >> GIB_SHIFT) + 1;

	for (uint64_t k = most + 1; k-- > 0;) {
		uint64_t base = first - (k << GIB_SHIFT);

		if (base < (table < LOWEST_BASE_4 ? LOWEST_BASE_5 : LOWEST_BASE_4))
			continue;
		w->want[0] = (struct page_table_want){ .at = base + own->frame[0] * PAGE_SIZE_X86 };
		int err = page_table_run(w, 1);

		if (err < 0)
			return err;
		if (w->want[0].at && memcmp(w->table[0], own->page[0], PAGE_SIZE_X86) == 0) {
			w->base = base;
			return 0;
		}
	}
	return decline(w, "own memory is not found where the kernel should have it mapped");
}

/* The frame at an address of the process whose topmost table is at; 0: none, or not this way. */
static int64_t translate(struct page_table_walk *w, uint64_t at, uint64_t address)
{
	for (int level = w->levels; level >= 1; level--) {
		w->want[0] = (struct page_table_want){ .at = at };
		int err = page_table_run(w, 1);

		if (err < 0)
			return err;
		uint64_t entry = w->table[0][address >> (3 + 9 * level) & (PAGE_LEAF - 1)];

		if (!w->want[0].at || !(entry & X86_PRESENT))
			return 0;
		if (level == 2 && entry & X86_LARGE)
			return (int64_t)(page_entry_x86_block(&w->entries, entry) +
					 (address / PAGE_SIZE_X86 & (PAGE_LEAF - 1)));
		at = w->base + (entry & X86_FRAME);
		if (level == 1)
			return (int64_t)((entry & X86_FRAME) / PAGE_SIZE_X86);
	}
	return 0;
}

/* 1: all own pages are found where pagemap says, 0: they are not, or -errno. */
static int proves(struct page_table_walk *w, struct own_pages *own, uint64_t top)
{
	int err = find_own(w, own);

	for (size_t i = 0; i < OWN_PAGES && err == 0; i++) {
		int64_t frame = translate(w, top, (uintptr_t)own->page[i]);

		if (frame < 0)
			return (int)frame;
		if ((uint64_t)frame != own->frame[i])
			return 0;
	}
	return err < 0 ? err : 1;
}

static int learn_levels(struct page_table_walk *w, struct own_pages *own, uint64_t top)
{
	/* More than once: the kernel may move a page meanwhile. */
	for (int i = 0; i < PROOFS; i++) {
		for (w->levels = 4; w->levels <= PAGE_TABLE_LEVELS; w->levels++) {
			int found = proves(w, own, top);

			if (found != 0)
				return found < 0 ? found : 0;
		}
	}
	return decline(w, "page tables of this kernel are not as expected");
}

static int learn(struct page_table_walk *w, struct probe *p, struct own_pages *own)
{
	struct page_table_tasks tasks = { 0 };
	uint64_t mine = 0;
	int err = page_frames(w->flags_fd, &w->entries.frames);

	if (err == -ERANGE)
		return decline(w, "too many page frames");
	if (err == 0)
		err = make_own(w, p, own);
	if (err == 0)
		err = page_table_tasks(w, p, &tasks);
	for (size_t i = 0; i < tasks.n && err == 0; i++) {
		if (tasks.task[i].pid == (unsigned int)getpid())
			mine = tasks.task[i].pgd;
	}
	free(tasks.task);
	if (err < 0)
		return err;
	if (!mine)
		return decline(w, "own page table is not found");
	err = learn_base(w, own, mine);
	return err < 0 ? err : learn_levels(w, own, mine);
}

int page_table_open(struct page_table_walk *w, struct probe *p, struct page_count *count)
{
	struct own_pages own = { .map_fd = -1 };

	*w = (struct page_table_walk){ .count = count };
	w->flags_fd = host_open_offset(p->host, "proc/kpageflags");
	int err = w->flags_fd < 0 ? w->flags_fd : page_table_load(w);

	if (err == 0)
		err = learn(w, p, &own);
	release_own(&own);
	return err;
}
