/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <fcntl.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)

/* Four fifths in use, a deleted file among them, and nobody writes. */
static int run(struct scene *s)
{
	struct disk d;
	char path[160];
	int err = disk_new(s, 64 * MIB, 0, &d);
	int fd = err < 0 ? err : disk_open(&d, "data");

	err = fd < 0 ? fd : disk_fill(fd, 32 * MIB);
	if (err == 0)
		fd = disk_open(&d, "scratch");
	if (err == 0)
		err = fd < 0 ? fd : disk_fill(fd, 10 * MIB);
	if (err < 0)
		return err;
	snprintf(path, sizeof(path), "%s/scratch", d.target);
	unlink(path);
	scene_say(s, "%s is four fifths full, and quiet", d.target);
	return scene_hold(s);
}

const struct lab lab_fs_roomy = {
	.name = "fs-roomy",
	.story = "A file system is four fifths full, partly with a deleted file that is open, and "
		 "quiet",
	.bounds = "64 MiB of disk, a loop device",
	.root = true,
	.settle_s = 2,
	.run = run,
};
