/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	int err = cgroup_new(s, "cpu", &g);

	if (err == 0)
		err = cgroup_set(&g, "cpu.cfs_period_us", "cpu.max",
			g.version == 1 ? "100000" : "20000 100000");
	if (err == 0)
		err = cgroup_set(&g, "cpu.cfs_quota_us", NULL, "20000");
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-worker");

	if (pid < 0)
		return pid;
	if (pid == 0) {
		if (cgroup_enter(&g) < 0)
			_exit(1);
		burn(0);
	}
	scene_say(s, "lab-worker (pid %d) wants a whole CPU; its group %s may have a fifth",
		(int)pid, g.path);
	scene_culprit(s, "cgroup", 0, g.path);
	scene_culprit(s, "process", pid, "lab-worker");
	scene_why(s, pid, "throttled", g.path);
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_cpu_throttled = {
	.name = "cpu-throttled",
	.story = "A control group's CPU quota stops a busy process in every period",
	.want = "cpu.throttled",
	.bounds = "a fifth of a CPU in an own cgroup",
	.root = true,
	.why = true,
	.settle_s = 1,
	.run = run,
};
