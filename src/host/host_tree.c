/* SPDX-License-Identifier: MIT */
/*
 * A directory that stands for a machine. Somebody else may have made it, so nothing in it leads
 * out of it, and nothing in it is opened that could block or has side effects.
 */
#include "host/host_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int tree_open(int root_fd, const char *path, int flags)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | ((uint64_t)flags & O_NOFOLLOW),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	auto_close at = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	char self[64];
	struct stat st;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	if (flags & O_PATH) {
		int fd = at;

		at = -1;
		return fd;
	}
	if (S_ISDIR(st.st_mode) != !!(flags & O_DIRECTORY))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTDIR;
	/* To open a device is to use it, and a FIFO would wait for its writer. */
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	int fd = open(self, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	/* No /proc, as in a rescue shell: by name again. It was a file a moment ago. */
	if (fd < 0 && errno == ENOENT) {
		how.flags = (uint64_t)(flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	}
	return fd < 0 ? -errno : fd;
}
