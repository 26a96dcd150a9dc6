/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

static char stack[16384] __attribute__((aligned(16)));

static int child(void *arg) __attribute__((noreturn));
static int child(void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int run(struct scene *s)
{
	pid_t pid = scene_child(s, "lab-vfork");

	if (pid < 0)
		return pid;
	if (pid == 0) {
		clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
		_exit(1);
	}
	int err = scene_await(pid, 'D');

	if (err < 0)
		return err;
	scene_say(s, "lab-vfork (pid %d) is in D state, as everyone is who waits for a vfork",
		(int)pid);
	return scene_hold(s);
}

const struct lab lab_vfork_wait = {
	.name = "vfork-wait",
	.story = "A process in D state that waits for its child, not for a disk",
	.bounds = "two processes",
	.settle_s = 1,
	.run = run,
};
