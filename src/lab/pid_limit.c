/* SPDX-License-Identifier: MIT */
#include "lab/tasks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

static void fill(const struct cgroup *g, unsigned want) __attribute__((noreturn));
static void fill(const struct cgroup *g, unsigned want)
{
	unsigned have = 0;

	if (cgroup_enter(g) < 0)
		_exit(1);
	for (;;) {
		pid_t pid = have < want ? fork() : -1;

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (pid > 0)
			have++;
		else
			scene_nap(100);
	}
}

pid_t tasks_fill(
	struct scene *s, const char *comm, unsigned limit, unsigned want, struct cgroup *ret_group)
{
	char text[16];
	int err = cgroup_new(s, "pids", ret_group);

	snprintf(text, sizeof(text), "%u", limit);
	if (err == 0)
		err = cgroup_set(ret_group, "pids.max", "pids.max", text);
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, comm);

	if (pid == 0)
		fill(ret_group, want);
	return pid;
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	pid_t pid = tasks_fill(s, "lab-forks", 64, 100, &g);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-forks (pid %d) wants 100 children; its group %s may have 64 tasks",
		(int)pid, g.path);
	scene_culprit(s, "cgroup", 0, g.path);
	scene_nap(500);
	return scene_hold(s);
}

const struct lab lab_pid_limit = {
	.name = "pid-limit",
	.story = "A control group has as many tasks as it may have: fork fails in it",
	.want = "proc.pid-limit",
	.bounds = "64 processes that wait, in an own cgroup",
	.root = true,
	.settle_s = 1,
	.run = run,
};
