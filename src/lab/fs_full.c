/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>

#define MIB UINT64_C(1048576)

/* As a program does that cannot give up: it tries again. */
static void fill(const struct disk *d)
{
	int fd = disk_open(d, "journal.log");

	if (fd < 0)
		_exit(1);
	for (;;) {
		if (disk_fill(fd, 64 * MIB) != -ENOSPC)
			_exit(1);
		scene_nap(200);
	}
}

static int run(struct scene *s)
{
	struct disk d;
	int err = disk_new(s, 48 * MIB, 0, &d);

	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-fill");

	if (pid < 0)
		return pid;
	if (pid == 0)
		fill(&d);
	scene_say(s, "lab-fill (pid %d) has filled %s (%s): every write fails", (int)pid, d.target,
		d.device);
	scene_culprit(s, "mount", 0, d.target);
	scene_nap(1500);
	return scene_hold(s);
}

const struct lab lab_fs_full = {
	.name = "fs-full",
	.story = "A file system has no space left, and somebody keeps trying to write",
	.want = "fs.full",
	.bounds = "48 MiB of disk, a loop device",
	.root = true,
	.settle_s = 1,
	.run = run,
};
