/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	struct disk d;
	int err = disk_new(s, 32 * MIB, 0, &d);

	if (err < 0)
		return err;
	pid_t pid = disk_writer(s, &d);

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
