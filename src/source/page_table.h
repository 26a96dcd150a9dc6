/* SPDX-License-Identifier: MIT */
/*
 * Page tables of processes, read by an eBPF program: src/bpf/page_table.bpf.c. x86-64, of 4 and of
 * 5 levels. Takes no lock of a process.
 *
 * A table can be freed, and its page used for something else, at any moment. So the entry that
 * leads to a table is read again after the table: when it changed, what was read is dropped and
 * the table is looked for from the top (the entry may be of a table that is freed itself), and
 * tables on which that does not succeed are counted. The kernel clears the entry before it frees
 * the table, so what was read between two equal values was the table.
 */
#ifndef MURPHY_SOURCE_PAGE_TABLE_H
#define MURPHY_SOURCE_PAGE_TABLE_H

#include "bpf/page_table.h"
#include "engine/page_entry.h"
#include "source/bpf.h"

enum { PAGE_TABLE_LEVELS = 5, PAGE_SIZE_X86 = 4096 };

/* A table of the next level to be read. */
struct page_table_ref {
	uint64_t at;       /* where it is in the kernel's address space */
	uint64_t entry_at; /* where the entry is that leads to it; 0: the topmost */
	uint64_t entry;
	uint64_t page; /* the first that it maps */
	bool moved;    /* that entry has changed: it is to be looked for from the top */
};

struct page_table_refs {
	struct page_table_ref *ref;
	size_t n, size;
};

struct page_table_bpf;

struct page_table_walk {
	struct page_count *count;
	struct page_entries entries;
	int flags_fd;  /* /proc/kpageflags */
	uint64_t base; /* where the kernel has physical memory mapped */
	int levels;    /* 4 or 5 */
	uint64_t pgd;  /* the topmost table of the process at hand */
	uint64_t lost; /* tables that changed each time they were read */
	/* private */
	struct page_table_bpf *skel;
	struct page_table_want *want;
	uint64_t (*table)[PAGE_TABLE_ENTRIES];
	struct page_table_refs todo[PAGE_TABLE_LEVELS + 1], again;
	const char *why; /* page_table_open() failed, where errno does not tell */
};

/*
 * Load the program, and learn how this machine maps memory: proved by finding own pages where
 * /proc/self/pagemap says. 0; -EPERM and the like: no rights; -ENOTSUP: why says what is
 * different here; -ENOMEM, or what libbpf says.
 */
int page_table_open(struct page_table_walk *w, struct probe *p, struct page_count *count);
void page_table_close(struct page_table_walk *w);

struct page_table_tasks {
	struct page_table_task *task;
	size_t n, size;
};

/* All address spaces, each as often as processes have it. 0, -ETIME or -errno. */
int page_table_tasks(
	struct page_table_walk *w, struct probe *p, struct page_table_tasks *ret_tasks);

/* The program and its maps. 0 or -errno; page_table_close() releases what there is. */
int page_table_load(struct page_table_walk *w);

/* Read the first n of want into table. 0 or -errno. */
int page_table_run(struct page_table_walk *w, size_t n);

/* Add all that the process maps to the space that was begun last. 0, or -errno of page_count. */
int page_table_walk(struct page_table_walk *w, const struct page_table_task *task);

#endif
