/* SPDX-License-Identifier: MIT */
/* What /proc/PID/status tells of a process's memory, for walks over thousands of them. */
#ifndef MURPHY_SOURCE_MEM_STATUS_H
#define MURPHY_SOURCE_MEM_STATUS_H

#include "base/cursor.h"
#include "source/source.h"

/* Bytes. All 0 where there is no memory: a kernel thread, a zombie. */
struct mem_status {
	uint64_t pid, ppid;
	uint64_t anon, file, shmem; /* RssAnon, RssFile, RssShmem: since 4.5 */
	uint64_t rss, swap, tables; /* VmRSS, VmSwap, VmPTE */
	uint64_t peak;              /* VmHWM: the highest rss ever */
	uint64_t name;              /* hash */
	uint64_t space;             /* of all that: two that share an address space have the same */
	uint64_t threads;
	bool parts;  /* anon, file and shmem are there */
	char state;  /* R, S, D, Z...; 0: not told */
	bool mapped; /* it has an address space */
	bool kernel; /* a thread of the kernel, where it says so: before 6.10 none does */
	bool zombie;
	bool headless; /* a zombie whose threads live on: their memory is not told of here */
};

/*
 * Parse the head of /proc/PID/status. Pure.
 *
 * Shape:  "Name:\tVALUE kB"; what a name may hold is escaped, so it forges no line.
 *         ret_name: as it stands there, in buf.
 * Errors: -EINVAL malformed, -ENODATA PPid missing.
 * Source: fs/proc/array.c, proc_pid_status(); fs/proc/task_mmu.c, task_mem().
 */
int mem_status_parse(
	const char *buf, size_t len, struct mem_status *ret_status, struct span *ret_name);

/* Names have up to 63 bytes (threads of the kernel), each of which may be escaped by a second. */
enum { MEM_STATUS_NAME = 128 };

/* Read it; name may be NULL, or has that many bytes: as comm in /proc/PID/stat. 0 or -errno. */
int mem_status_read(struct probe *p, uint64_t pid, struct mem_status *ret_status, char *name);

/* A row of t, process_memory, and what is told there. 0 or -ENOMEM. */
int mem_status_put(struct table *t, const struct mem_status *s);

/* The same back, where the frame has it of that process; else false. */
bool mem_status_find(const struct frame *f, uint64_t pid, struct mem_status *ret_status);

#endif
