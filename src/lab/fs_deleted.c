/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)

static void log_on(const struct disk *d)
{
	char path[160];
	int fd = disk_open(d, "access.log");

	snprintf(path, sizeof(path), "%s/access.log", d->target);
	if (fd < 0 || disk_fill(fd, 64 * MIB) != -ENOSPC || unlink(path) < 0)
		_exit(1);
	for (;;)
		pause();
}

static int run(struct scene *s)
{
	struct disk d;
	int err = disk_new(s, 48 * MIB, 0, &d);

	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-log");

	if (pid < 0)
		return pid;
	if (pid == 0)
		log_on(&d);
	scene_say(s,
		"lab-log (pid %d) holds the deleted log that fills %s: df says full, du says empty",
		(int)pid, d.target);
	scene_culprit(s, "process", pid, "lab-log");
	scene_nap(1500);
	return scene_hold(s);
}

const struct lab lab_fs_deleted = {
	.name = "fs-deleted",
	.story = "A log was deleted to make room, but the program still has it open: nothing is "
		 "free",
	.want = "fs.full",
	.bounds = "48 MiB of disk, a loop device",
	.root = true,
	.settle_s = 1,
	.run = run,
};
