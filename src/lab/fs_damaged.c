/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define MIB UINT64_C(1048576)

/* A kernel may turn it read-only a moment after it found the damage. */
enum { TRIES = 100, TRY_MS = 50 };

/* An ext4 with a folder of one file, whose inode is wiped out. */
static int make_image(struct scene *s, const char *image)
{
	char tree[112], path[144];
	int err = scene_file(s, "image", 16 * MIB);

	if (err < 0)
		return err;
	snprintf(tree, sizeof(tree), "%s/tree", s->dir);
	snprintf(path, sizeof(path), "%s/letters", tree);
	if (mkdir(tree, 0755) < 0 || mkdir(path, 0755) < 0)
		return -errno;
	snprintf(path, sizeof(path), "%s/letters/first", tree);
	auto_close fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	const char *mkfs[] = { "mkfs.ext4", "-q", "-F", "-d", tree, image, NULL };
	const char *wipe[] = { "debugfs", "-w", "-R", "clri /letters/first", image, NULL };

	return scene_command(s, NULL, mkfs) == 0 && scene_command(s, NULL, wipe) == 0 ? 0 : -EIO;
}

/* Reading the damaged inode is what finds the damage; then no file can be made any more. */
static bool takes_writes(const struct disk *d)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/letters/first", d->target);
	stat(path, &st);
	snprintf(path, sizeof(path), "%s/new", d->target);
	auto_close fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 || errno != EROFS;
}

static int run(struct scene *s)
{
	char image[112];
	struct disk d;
	int err = scene_dir(s, 32 * MIB);

	if (err < 0)
		return err;
	if (!scene_has("mkfs.ext4") || !scene_has("debugfs"))
		return scene_skip(s, "mkfs.ext4 or debugfs is not installed (e2fsprogs)");
	snprintf(image, sizeof(image), "%s/image", s->dir);
	err = make_image(s, image);
	if (err == 0)
		err = disk_mount(s, image, "errors=remount-ro", &d);
	if (err < 0)
		return err;
	for (int tries = 0; takes_writes(&d); tries++) {
		if (tries == TRIES)
			return -ETIMEDOUT;
		scene_nap(TRY_MS);
	}
	scene_say(s, "%s (%s) found an inode that is wiped out, and takes no more writes", d.target,
		d.device);
	scene_culprit(s, "mount", 0, d.target);
	scene_culprit(s, "device", 0, d.device);
	return scene_hold(s);
}

const struct lab lab_fs_damaged = {
	.name = "fs-damaged",
	.story = "A file system finds damage in itself and turns read-only",
	.want = "kernel.read-only",
	.bounds = "16 MiB of disk, a loop device",
	.root = true,
	.settle_s = 1,
	.run = run,
};
