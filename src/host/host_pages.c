/* SPDX-License-Identifier: MIT */
/* Where processes and objects in memory have pages: live machines only. */
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

int host_present_runs(int pagemap, struct host_run *runs, size_t size, enum host_runs which,
	uint64_t end, uint64_t most_pages, uint64_t *start)
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
		.max_pages = most_pages,
		.category_mask = mask[which],
		.category_inverted = which == RUNS_OWN ? SCAN_FILE : 0,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};
	int n = ioctl(pagemap, SCAN_IOCTL, &a);

	if (n < 0)
		return -errno;
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
