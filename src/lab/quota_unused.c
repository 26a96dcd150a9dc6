/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	int err = cgroup_new(s, "cpu", &g);

	if (err == 0)
		err = cgroup_set(&g, "cpu.cfs_period_us", "cpu.max",
			g.version == 1 ? "100000" : "50000 100000");
	if (err == 0)
		err = cgroup_set(&g, "cpu.cfs_quota_us", NULL, "50000");
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-worker");

	if (pid < 0)
		return pid;
	if (pid == 0) {
		if (cgroup_enter(&g) < 0)
			_exit(1);
		for (;;) {
			burn(2);
			scene_nap(20);
		}
	}
	scene_say(s, "lab-worker (pid %d) may have half a CPU and uses a tenth", (int)pid);
	return scene_hold(s);
}

const struct lab lab_quota_unused = {
	.name = "quota-unused",
	.story = "A control group with a CPU quota that it does not need",
	.bounds = "a tenth of a CPU in an own cgroup",
	.root = true,
	.settle_s = 1,
	.run = run,
};
