/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>

/* The keeper ends the parent, and with it all of them: init waits for orphans. */
enum { AT_ONCE = 200, AT_MOST = 2000, EACH_MS = 50 };

static void breed(int done, const void *context UNUSED) __attribute__((noreturn));
static void breed(int done, const void *context UNUSED)
{
	for (unsigned n = 0; n < AT_MOST; n++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0)
			break;
		if (n == AT_ONCE && write(done, "d", 1) != 1)
			_exit(1);
		if (n > AT_ONCE)
			scene_nap(EACH_MS);
	}
	for (;;)
		pause();
}

static int run(struct scene *s)
{
	pid_t pid = scene_child_done(s, "lab-parent", breed, NULL);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-parent (pid %d) has %d dead children and makes 20 more a second",
		(int)pid, AT_ONCE);
	scene_culprit(s, "process", pid, "lab-parent");
	return scene_hold(s);
}

const struct lab lab_zombies = {
	.name = "zombies",
	.story = "A parent starts children and never waits for them: their pids stay taken",
	.want = "proc.zombies",
	.bounds = "at most 2000 process ids, 30 MiB of kernel memory",
	.settle_s = 1,
	.run = run,
};
