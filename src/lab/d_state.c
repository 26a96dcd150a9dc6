/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)

/* Opening for writing would wait too: so the file is open before the freeze. */
static pid_t writer(struct scene *s, const struct disk *d)
{
	static const char block[4096];
	char path[128];

	snprintf(path, sizeof(path), "%s/log", d->target);
	auto_close fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-writer");

	if (pid != 0)
		return pid;
	for (;;) {
		if (pwrite(fd, block, sizeof(block), 0) < 0)
			_exit(1);
		scene_nap(10);
	}
}

static int run(struct scene *s)
{
	struct disk d;
	int err = disk_new(s, 32 * MIB, 0, &d);

	if (err < 0)
		return err;
	pid_t pid = writer(s, &d);

	if (pid < 0)
		return pid;
	err = disk_freeze(s, &d);
	if (err == 0)
		err = scene_await(pid, 'D');
	if (err < 0)
		return err;
	scene_say(s, "lab-writer (pid %d) waits in D state: its file system at %s (%s) is frozen",
		(int)pid, d.target, d.device);
	scene_culprit(s, "device", 0, d.device);
	scene_culprit(s, "mount", 0, d.target);
	scene_culprit(s, "process", pid, "lab-writer");
	return scene_hold(s);
}

const struct lab lab_d_state = {
	.name = "d-state",
	.story = "A file system is left frozen: who writes to it waits and cannot be killed",
	.want = "io.stuck",
	.bounds = "32 MiB of disk, a loop device; a keeper always thaws",
	.root = true,
	.settle_s = 2,
	.run = run,
};
