/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <time.h>

enum { STEP_S = 3, EACH_MS = 700 };

static void step_back(void) __attribute__((noreturn));
static void step_back(void)
{
	struct timespec t;

	for (;;) {
		if (clock_gettime(CLOCK_REALTIME, &t) < 0)
			_exit(1);
		t.tv_sec -= STEP_S;
		if (clock_settime(CLOCK_REALTIME, &t) < 0)
			_exit(1);
		scene_nap(EACH_MS);
	}
}

static int run(struct scene *s)
{
	pid_t pid = scene_child(s, "lab-clockset");

	if (pid < 0)
		return pid;
	if (pid == 0)
		step_back();
	scene_say(s, "lab-clockset (pid %d) sets the clock back by 3 s, again and again", (int)pid);
	scene_culprit(s, "host", 0, "");
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "the clock is the whole machine's" };

const struct lab lab_clock_step = {
	.name = "clock-step",
	.story = "Somebody sets the clock back while everything runs",
	.want = "time.unsynced",
	.bounds = "a guest's clock",
	.guest = &guest,
	.root = true,
	/* In the first quarter of an hour after boot a step is what time daemons do. */
	.mild = true,
	.settle_s = 1,
	.run = run,
};
