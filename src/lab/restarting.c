/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { LIVES_MS = 400, READY_MS = 8000, PAGES = 64, PAGE = 4096 };

/* It starts, works on some memory as a program that reads its configuration does, and fails. */
static void fail(void) __attribute__((noreturn));
static void fail(void)
{
	static char memory[PAGES * PAGE];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "lab-flaky");
	for (size_t i = 0; i < sizeof(memory); i += PAGE)
		((volatile char *)memory)[i] = 1;
	scene_nap(LIVES_MS);
	_exit(1);
}

static void supervise(void) __attribute__((noreturn));
static void supervise(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			fail();
		if (pid < 0)
			scene_nap(1000);
		else
			scene_join(pid);
	}
}

static int run(struct scene *s)
{
	pid_t pid = scene_child(s, "lab-supervisor");

	if (pid < 0)
		return pid;
	if (pid == 0)
		supervise();
	scene_say(s, "lab-supervisor (pid %d) starts lab-flaky, which fails after 0.4 s, for ever",
		(int)pid);
	scene_culprit(s, "process", pid, "lab-supervisor");
	/* It must have happened some times to be more than a restart. */
	scene_nap(READY_MS);
	return scene_hold(s);
}

const struct lab lab_restarting = {
	.name = "restarting",
	.story = "A service fails soon after each start, and its supervisor starts it again",
	.want = "proc.restarting",
	.bounds = "two processes",
	.run = run,
};
