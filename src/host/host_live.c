/* SPDX-License-Identifier: MIT */
#include "host/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <time.h>

uint64_t live_clock_ns(int clock_id)
{
	struct timespec ts;

	clock_gettime(clock_id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int live_open(const struct host *h, const char *path, int flags)
{
	int fd = openat(h->root_fd, path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int live_statfs(const char *target, struct host_space *ret_space)
{
	struct statfs s;

	if (statfs(target, &s) < 0)
		return -errno;
	uint64_t unit = (uint64_t)(s.f_frsize ? s.f_frsize : s.f_bsize);

	*ret_space = (struct host_space){ .size_bytes = (uint64_t)s.f_blocks * unit,
		.free_bytes = (uint64_t)s.f_bfree * unit,
		.available_bytes = (uint64_t)s.f_bavail * unit,
		.inodes = (uint64_t)s.f_files,
		.free_inodes = (uint64_t)s.f_ffree };
	return 0;
}
