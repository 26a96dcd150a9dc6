/* SPDX-License-Identifier: MIT */
#include "host/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>

int live_dir(const struct host *h, const char **path)
{
	if (h->proc_fd < 0 || strncmp(*path, "proc/", 5) != 0)
		return h->root_fd;
	*path += 5;
	return h->proc_fd;
}

int live_open(const struct host *h, const char *path, int flags)
{
	int dir = live_dir(h, &path);
	int fd = openat(dir, path, flags | O_CLOEXEC);

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

uint64_t host_own_peak_bytes(void)
{
	char buf[4096];
	auto_close fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n), line;
	uint64_t kib = 0;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "VmHWM:") && cursor_u64(&line, &kib))
			break;
	}
	return kib * 1024;
}
