/* SPDX-License-Identifier: MIT */
#include "lab/swap.h"

#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21 /* since 5.4 */
#endif

/* The first page of a swap area. include/linux/swap.h, union swap_header */
struct header {
	char boot[1024];
	uint32_t version, last_page, bad_pages;
};

static int format(const char *path, uint64_t bytes)
{
	static const char magic[] = "SWAPSPACE2";
	static union {
		struct header h;
		char bytes[65536];
	} first;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	auto_close fd = open(path, O_WRONLY | O_CLOEXEC);

	if (page > sizeof(first))
		return -EOPNOTSUPP;
	first.h.version = 1;
	first.h.last_page = (uint32_t)(bytes / page - 1);
	memcpy(first.bytes + page - (sizeof(magic) - 1), magic, sizeof(magic) - 1);
	if (fd < 0 || pwrite(fd, first.bytes, page, 0) != (ssize_t)page || fsync(fd) < 0)
		return -errno;
	return 0;
}

int swap_new(struct scene *s, uint64_t bytes)
{
	char path[160];
	int err = scene_dir(s, bytes);

	if (err == 0)
		err = scene_file(s, "swap", bytes);
	snprintf(path, sizeof(path), "%s/swap", s->dir);
	if (err == 0 && chmod(path, 0600) < 0)
		err = -errno;
	if (err == 0)
		err = format(path, bytes);
	if (err == 0)
		err = undo_add(s->undo, UNDO_SWAPOFF, path, NULL);
	if (err < 0)
		return err;
	/* Before what the machine has: else our pages go there. */
	if (swapon(path, SWAP_FLAG_PREFER | SWAP_FLAG_PRIO_MASK) < 0)
		return scene_skip(s, "may not add swap here: %s", strerror(errno));
	return 0;
}

char *swap_fill(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t x = 88172645463325252u;

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_NOHUGEPAGE);
	/* Nothing that compresses: zswap would keep it in memory. */
	for (size_t i = 0; i + sizeof(x) <= bytes; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, sizeof(x));
	}
	return p;
}

int swap_out(char *p, size_t bytes)
{
	return madvise(p, bytes, MADV_PAGEOUT) < 0 ? -errno : 0;
}

/* VmSwap of a process, 0 when it cannot be read. */
static uint64_t swapped_bytes(pid_t pid)
{
	char path[32], buf[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	ssize_t n = scene_read(path, buf, sizeof(buf));
	const char *at = n > 0 ? strstr(buf, "\nVmSwap:") : NULL;

	return at ? strtoull(at + 8, NULL, 10) << 10 : 0;
}

int swap_await(pid_t pid, uint64_t bytes)
{
	for (int i = 0; i < 200; i++) {
		if (swapped_bytes(pid) >= bytes)
			return 0;
		scene_nap(100);
	}
	return -ETIMEDOUT;
}
