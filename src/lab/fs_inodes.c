/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)
enum { INODES = 2048 };

static int run(struct scene *s)
{
	struct disk d;
	int err = disk_new(s, 32 * MIB, INODES, &d);

	for (unsigned i = 0; err == 0; i++) {
		char name[32];

		snprintf(name, sizeof(name), "session-%u", i);
		int fd = disk_open(&d, name);

		err = fd < 0 ? fd : close(fd);
	}
	if (err != -ENOSPC)
		return err;
	scene_say(s, "%s has space, but each of its inodes is an empty file", d.target);
	scene_culprit(s, "mount", 0, d.target);
	return scene_hold(s);
}

const struct lab lab_fs_inodes = {
	.name = "fs-inodes",
	.story = "Thousands of empty files take every inode: no file can be made, space is free",
	.want = "fs.full",
	.bounds = "32 MiB of disk, a loop device",
	.root = true,
	.settle_s = 1,
	.run = run,
};
