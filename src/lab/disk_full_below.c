/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>

#define MIB UINT64_C(1048576)

/* A hole in a file takes no room until it is written to: as a thin volume, it promises too much. */
static int make_image(struct scene *s, const char *image)
{
	auto_close fd = open(image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, 64 * MIB) < 0)
		return -errno;
	/* Without a journal, that only what is written fails. */
	const char *mkfs[] = { "mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E",
		"lazy_itable_init=0", image, NULL };

	return scene_command(s, NULL, mkfs) == 0 ? 0 : -EIO;
}

static void fill(const struct disk *d)
{
	static const char block[65536];
	char path[128];

	snprintf(path, sizeof(path), "%s/data", d->target);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		_exit(1);
	for (unsigned i = 0; i < 40 * MIB / sizeof(block); i++) {
		if (write(fd, block, sizeof(block)) < 0)
			_exit(2);
	}
	_exit(fsync(fd) < 0 ? 2 : 0);
}

static int run(struct scene *s)
{
	char below[112], image[128];
	struct disk d;

	if (!scene_has("mkfs.ext4"))
		return scene_skip(s, "mkfs.ext4 is not installed (e2fsprogs)");
	int err = tmpfs_new(s, 16 * MIB, 4096, below);

	if (err < 0)
		return err;
	snprintf(image, sizeof(image), "%s/image", below);
	err = make_image(s, image);
	if (err == 0)
		err = disk_mount(s, image, "", &d);
	if (err < 0)
		return err;
	/* Out of sight, as a thin pool's or a host's file system is; the loop device holds it. */
	if (umount2(below, MNT_DETACH) < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-filler");

	if (pid == 0)
		fill(&d);
	int code = scene_join(pid);

	if (code != 2) {
		scene_say(s, "lab-filler ended with %d: no error came", code);
		return -EIO;
	}
	scene_say(s,
		"lab-filler (pid %d) wrote 40 MiB to %s (%s), whose image may take 16: they are "
		"lost",
		(int)pid, d.target, d.device);
	scene_culprit(s, "device", 0, d.device);
	return scene_hold(s);
}

const struct lab lab_disk_full_below = {
	.name = "disk-full-below",
	.story = "What lies below a disk is full: it has room, and cannot write",
	.want = "kernel.io-errors",
	.bounds = "16 MiB of memory, a loop device",
	.root = true,
	.settle_s = 1,
	.run = run,
};
