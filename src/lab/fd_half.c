/* SPDX-License-Identifier: MIT */
#include "lab/fd.h"

static int run(struct scene *s)
{
	pid_t pid = fd_open_many(s, "lab-fds", 512, 1024);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-fds (pid %d) has 512 of its 1024 descriptors open", (int)pid);
	return scene_hold(s);
}

const struct lab lab_fd_half = {
	.name = "fd-half",
	.story = "A process uses half of its descriptors",
	.bounds = "512 descriptors",
	.run = run,
};
