/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What page_table.bpf.c and source/page_table.c tell each other. */
#ifndef MURPHY_BPF_PAGE_TABLE_H
#define MURPHY_BPF_PAGE_TABLE_H

/*
 * A table has 512 entries; read at most PAGE_TABLE_READ tables by one call, which fit a CPU's
 * cache.
 */
enum { PAGE_TABLE_ENTRIES = 512, PAGE_TABLE_READ = 64 };

/* A process and its address space. pid is that of murphy's own pid namespace. */
struct page_table_task {
	unsigned long long mm, pgd; /* addresses in the kernel; pgd: of the topmost table */
	unsigned long long start_ns;
	unsigned long long tables_bytes;
	unsigned int pid, unused;
};

/* A table to be read. */
struct page_table_want {
	unsigned long long at; /* its address in the kernel; 0 afterwards: could not be read */
	unsigned long long entry_at; /* address of the entry that leads to it; 0: there is none */
	unsigned long long entry;    /* that entry, as it is after the table was read */
};

/* The argument of the program: how many of the wanted. */
struct page_table_call {
	unsigned int n;
};

#endif
