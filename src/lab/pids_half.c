/* SPDX-License-Identifier: MIT */
#include "lab/tasks.h"

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	pid_t pid = tasks_fill(s, "lab-forks", 64, 40, &g);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-forks (pid %d) has 40 children; its group %s may have 64 tasks", (int)pid,
		g.path);
	scene_nap(500);
	return scene_hold(s);
}

const struct lab lab_pids_half = {
	.name = "pids-half",
	.story = "A control group has two thirds of the tasks that it may have",
	.bounds = "41 processes that wait, in an own cgroup",
	.root = true,
	.settle_s = 1,
	.run = run,
};
