/* SPDX-License-Identifier: MIT */
#include "lab/clock.h"

#include <stdio.h>

#define CURRENT "/sys/devices/system/clocksource/clocksource0/current_clocksource"

static int run(struct scene *s)
{
	char was[64];
	ssize_t n = scene_read(CURRENT, was, sizeof(was));

	if (n < 0)
		return scene_skip(s, "this kernel has no choice of clock sources");
	int err = scene_knob(s, CURRENT, "acpi_pm");

	if (err < 0)
		return err;
	pid_t pid = clock_reader(s, "lab-reader");

	if (pid < 0)
		return pid;
	scene_say(s,
		"lab-reader (pid %d) reads the clock again and again, and the clock is acpi_pm",
		(int)pid);
	scene_culprit(s, "host", 0, "");
	scene_victim(s, "process", pid, "lab-reader");
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "the clock source is the whole machine's" };

const struct lab lab_slow_clock = {
	.name = "slow-clock",
	.story = "The clock source is a device, and a program reads the clock all the time",
	.want = "cpu.clocksource",
	.bounds = "one CPU of a guest",
	.guest = &guest,
	.root = true,
	.settle_s = 1,
	.run = run,
};
