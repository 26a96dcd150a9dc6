/* SPDX-License-Identifier: MIT */
/*
 * A file system that misbehaves on purpose, spoken straight to /dev/fuse: hangfs MOUNTPOINT makes
 * the files
 *
 *   hang    a read never returns, and the reader cannot be killed until this process ends
 *   eio     a read fails with EIO
 *   noise   a read gives bytes that no parser expects, without end
 *
 * and answers statfs only when there is a third argument. It prints "ready" and serves until it is
 * killed, or for 60 s.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { NODE_ROOT = FUSE_ROOT_ID, NODE_HANG, NODE_EIO, NODE_NOISE, NODES };
enum { NOISE_BYTES = 4096, LIFE_S = 60 };

static const char *const names[NODES] = {
	[NODE_HANG] = "hang", [NODE_EIO] = "eio", [NODE_NOISE] = "noise"
};

static int reply(int fd, uint64_t unique, int err, const void *body, size_t len)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof(head) + len), .error = err, .unique = unique
	};
	struct iovec io[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)body, len } };

	/* An interrupted request is gone: ENOENT is no error. */
	return writev(fd, io, 2) < 0 && errno != ENOENT ? -1 : 0;
}

static struct fuse_attr attr_of(uint64_t node)
{
	bool dir = node == NODE_ROOT;

	return (struct fuse_attr){ .ino = node,
		.mode = dir ? S_IFDIR | 0755 : S_IFREG | 0444,
		.nlink = 1,
		.blksize = 4096 };
}

static int answer_lookup(int fd, const struct fuse_in_header *in, const char *name)
{
	for (uint64_t node = NODE_HANG; node < NODES; node++) {
		if (strcmp(name, names[node]) == 0) {
			struct fuse_entry_out out = { .nodeid = node, .attr = attr_of(node) };

			return reply(fd, in->unique, 0, &out, sizeof(out));
		}
	}
	return reply(fd, in->unique, -ENOENT, NULL, 0);
}

static int answer_read(int fd, const struct fuse_in_header *in)
{
	char noise[NOISE_BYTES];

	if (in->nodeid == NODE_HANG)
		return 0;
	if (in->nodeid == NODE_EIO)
		return reply(fd, in->unique, -EIO, NULL, 0);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(rand() & 0xff);
	return reply(fd, in->unique, 0, noise, sizeof(noise));
}

static int answer(int fd, char *request, bool statfs_answers)
{
	const struct fuse_in_header *in = (const struct fuse_in_header *)(void *)request;

	switch (in->opcode) {
	case FUSE_INIT: {
		struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
			.minor = FUSE_KERNEL_MINOR_VERSION,
			.max_readahead = 4096,
			.max_write = 4096 };

		return reply(fd, in->unique, 0, &out, sizeof(out));
	}
	case FUSE_LOOKUP:
		return answer_lookup(fd, in, request + sizeof(*in));
	case FUSE_GETATTR: {
		struct fuse_attr_out out = { .attr = attr_of(in->nodeid) };

		return reply(fd, in->unique, 0, &out, sizeof(out));
	}
	case FUSE_OPEN:
	case FUSE_OPENDIR: {
		struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

		return reply(fd, in->unique, 0, &out, sizeof(out));
	}
	case FUSE_READ:
		return answer_read(fd, in);
	case FUSE_STATFS: {
		struct fuse_statfs_out out = {
			.st = { .blocks = 1, .bsize = 4096, .frsize = 4096 }
		};

		return statfs_answers ? reply(fd, in->unique, 0, &out, sizeof(out)) : 0;
	}
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_READDIR:
	case FUSE_ACCESS:
		return reply(fd, in->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0;
	default:
		return reply(fd, in->unique, -ENOSYS, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static _Alignas(16) char request[FUSE_MIN_READ_BUFFER + 65536];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	char options[64];
	time_t end = time(NULL) + LIFE_S;

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (argc < 2 || fd < 0 ||
		mount("hangfs", argv[1], "fuse.hangfs", MS_NOSUID | MS_NODEV, options) < 0) {
		fprintf(stderr, "hangfs: %s\n", argc < 2 ? "MOUNTPOINT?" : strerror(errno));
		return 77;
	}
	puts("ready");
	fflush(stdout);
	while (time(NULL) < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 1000) <= 0)
			continue;
		ssize_t n = read(fd, request, sizeof(request));

		if (n < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT)
			break;
		if (n >= (ssize_t)sizeof(struct fuse_in_header) &&
			answer(fd, request, argc > 2) < 0)
			break;
	}
	umount2(argv[1], MNT_DETACH);
	return 0;
}
