/* SPDX-License-Identifier: MIT */
/* Where processes and objects in memory have pages: live machines only. */
#include "base/clock.h"
#include "host/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* As in linux/fs.h since 6.7, which distributions' headers are older than. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE UINT64_C(4)
#define SCAN_PRESENT UINT64_C(8)
#define SCAN_SWAPPED UINT64_C(16)

/* Some 0.1 ms of a lock; who waits for it wakes up in less than REST_NS. */
enum { PAGES_AT_ONCE = 2048, HELD_NS = 200000, REST_NS = 100000 };

int host_shmem_dev(const struct host *h, uint64_t *ret_dev)
{
	struct stat st;

	if (!host_is_live(h))
		return -ENOENT;
	auto_close fd = memfd_create("murphy", MFD_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*ret_dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	return 0;
}

int host_object_size(int fd, uint64_t *ret_size, uint64_t *ret_resident)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_size = (uint64_t)st.st_size;
	*ret_resident = (uint64_t)st.st_blocks * 512;
	return 0;
}

int host_next_data(int fd, uint64_t from, uint64_t *ret_at)
{
	off_t at = lseek(fd, (off_t)from, SEEK_DATA);

	if (at < 0)
		return -errno;
	*ret_at = (uint64_t)at;
	return 0;
}

/* Since began the lock was taken and given back. */
static void end_turn(struct host_turn *turn, uint64_t began_ns)
{
	turn->held_ns += clock_ns(CLOCK_MONOTONIC) - began_ns;
	if (turn->held_ns < HELD_NS)
		return;
	nanosleep(&(struct timespec){ .tv_nsec = REST_NS }, NULL);
	turn->held_ns = 0;
}

ssize_t host_read_pagemap(
	int pagemap, struct host_turn *turn, uint64_t first, uint64_t n, uint64_t *ret_entry)
{
	uint64_t done = 0;

	while (done < n) {
		uint64_t began = clock_ns(CLOCK_MONOTONIC);
		uint64_t want = n - done < PAGES_AT_ONCE ? n - done : PAGES_AT_ONCE;
		ssize_t got = pread(pagemap, ret_entry + done, want * sizeof(*ret_entry),
			(off_t)((first + done) * sizeof(*ret_entry)));

		if (got < 0)
			return -errno;
		end_turn(turn, began);
		done += (uint64_t)got / sizeof(*ret_entry);
		if ((uint64_t)got < want * sizeof(*ret_entry))
			break;
	}
	return (ssize_t)done;
}

int host_present_runs(int pagemap, struct host_turn *turn, struct host_run *runs, size_t size,
	enum host_runs which, uint64_t end, uint64_t most_pages, uint64_t *start)
{
	static const uint64_t mask[] = { [RUNS_PRESENT] = SCAN_PRESENT,
		[RUNS_OWN] = SCAN_PRESENT | SCAN_FILE,
		[RUNS_USED] = 0 };
	struct scan_region region[HOST_RUNS_MAX];
	struct scan_arg a = {
		.size = sizeof(a),
		.start = *start,
		.end = end,
		.vec = (uint64_t)(uintptr_t)region,
		.vec_len = size < HOST_RUNS_MAX ? size : HOST_RUNS_MAX,
		.max_pages = most_pages < PAGES_AT_ONCE ? most_pages : PAGES_AT_ONCE,
		.category_mask = mask[which],
		.category_inverted = which == RUNS_OWN ? SCAN_FILE : 0,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	int n = ioctl(pagemap, SCAN_IOCTL, &a);

	if (n < 0)
		return -errno;
	end_turn(turn, began);
	for (int i = 0; i < n; i++)
		runs[i] = (struct host_run){ region[i].start, region[i].end };
	*start = a.walk_end;
	return n;
}

bool host_same_space(const struct host *h, uint64_t pid, uint64_t other)
{
	return host_is_live(h) &&
	       syscall(SYS_kcmp, (pid_t)pid, (pid_t)other, KCMP_VM, 0UL, 0UL) == 0;
}
