/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <sys/wait.h>

enum { KEPT = 8, BATCH = 40 };

static void child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
}

/* A few are forgotten for ever; of the others many are dead for a moment, and then waited for. */
static void work(void) __attribute__((noreturn));
static void work(void)
{
	for (int i = 0; i < KEPT; i++)
		child();
	for (;;) {
		int died = 0, status;

		for (int i = 0; i < BATCH; i++)
			child();
		scene_nap(150);
		while (died < BATCH && waitpid(-1, &status, WNOHANG) > 0)
			died++;
		scene_nap(50);
	}
}

static int run(struct scene *s)
{
	pid_t pid = scene_child(s, "lab-parent");

	if (pid < 0)
		return pid;
	if (pid == 0)
		work();
	scene_say(s, "lab-parent (pid %d) has 8 dead children for ever and 40 more for 0.2 s",
		(int)pid);
	return scene_hold(s);
}

const struct lab lab_zombies_few = {
	.name = "zombies-few",
	.story = "A parent forgets a few children and waits for hundreds in time",
	.bounds = "50 process ids",
	.settle_s = 1,
	.run = run,
};
