/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <sys/time.h>

static int run(struct scene *s)
{
	/* 500 us a second, for 1000 s. */
	static const struct timeval by = { .tv_usec = -500000 };

	if (adjtime(&by, NULL) < 0)
		return -errno;
	scene_say(s, "the clock goes slower by 500 us a second, to be half a second later");
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "the clock is the whole machine's" };

const struct lab lab_clock_slew = {
	.name = "clock-slew",
	.story = "The clock is put right slowly, as time daemons do",
	.bounds = "a guest's clock",
	.guest = &guest,
	.root = true,
	.settle_s = 1,
	.run = run,
};
