/* SPDX-License-Identifier: MIT */
#include "host/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

enum { LIVE_PATH_MAX = 4096 };

struct live_path {
	const char *path;
	char full[LIVE_PATH_MAX];
};

/* Where to find path in the fewest steps: most of what is read is below /proc. */
static int live_at(const struct host *h, struct live_path *ret_at, const char *path)
{
	size_t len = strlen(path);

	if (h->root_fd >= 0 && strncmp(path, "proc/", 5) == 0) {
		ret_at->path = path + 5;
		return h->root_fd;
	}
	if (len + 2 > sizeof(ret_at->full))
		return -ENAMETOOLONG;
	ret_at->full[0] = '/';
	memcpy(ret_at->full + 1, path, len + 1);
	ret_at->path = ret_at->full;
	return AT_FDCWD;
}

int live_open(const struct host *h, const char *path, int flags)
{
	struct live_path at;
	int dir = live_at(h, &at, path);

	if (dir < 0 && dir != AT_FDCWD)
		return dir;
	int fd = openat(dir, at.path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

ssize_t live_link(const struct host *h, const char *path, char *buf, size_t size)
{
	struct live_path at;
	int dir = live_at(h, &at, path);

	if (dir < 0 && dir != AT_FDCWD)
		return dir;
	ssize_t n = readlinkat(dir, at.path, buf, size);

	return n < 0 ? -errno : n;
}

int live_stat(const struct host *h, const char *path, struct stat *ret_st)
{
	struct live_path at;
	int dir = live_at(h, &at, path);

	if (dir < 0 && dir != AT_FDCWD)
		return dir;
	return fstatat(dir, at.path, ret_st, 0) < 0 ? -errno : 0;
}

int live_fd_stat(const struct host *h, const char *path, struct host_fd_stat *ret_st)
{
	struct stat st;
	int err = live_stat(h, path, &st);

	if (err < 0)
		return err;
	*ret_st = (struct host_fd_stat){ .inode = st.st_ino,
		.links = st.st_nlink,
		.allocated_bytes = (uint64_t)st.st_blocks * 512,
		.regular = S_ISREG(st.st_mode) };
	return 0;
}

int host_open_offset(const struct host *h, const char *path)
{
	return host_is_live(h) ? live_open(h, path, O_RDONLY) : -ENOENT;
}

int host_peek(const struct host *h, uint64_t pid, uint64_t address, void *buf, size_t size)
{
	struct iovec here = { buf, size }, there = { (void *)(uintptr_t)address, size };

	if (!host_is_live(h))
		return -ENOENT;
	ssize_t n = process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EFAULT;
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
