/* SPDX-License-Identifier: MIT */
#include "lab/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

pid_t clock_reader(struct scene *s, const char *comm)
{
	pid_t pid = scene_child(s, comm);
	struct timespec t;

	if (pid != 0)
		return pid;
	for (;;)
		clock_gettime(CLOCK_MONOTONIC, &t);
}

static int run(struct scene *s)
{
	char now[64] = "";

	scene_read("/sys/devices/system/clocksource/clocksource0/current_clocksource", now,
		sizeof(now));
	if (strncmp(now, "tsc", 3) != 0 && strncmp(now, "kvm-clock", 9) != 0)
		return scene_skip(s, "the clock source is not tsc or kvm-clock");
	pid_t pid = clock_reader(s, "lab-reader");

	if (pid < 0)
		return pid;
	scene_say(
		s, "lab-reader (pid %d) reads the clock again and again, in user space", (int)pid);
	return scene_hold(s);
}

const struct lab lab_clock_reader = {
	.name = "clock-reader",
	.story = "A program reads a good clock all the time",
	.bounds = "one CPU",
	.settle_s = 1,
	.run = run,
};
