/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

enum { CRASHES = 8 };

static int run(struct scene *s)
{
	int err = crash(s, "lab-crasher", CRASHES);

	if (err < 0)
		return err;
	scene_say(s, "lab-crasher crashed %d times", CRASHES);
	return scene_hold(s);
}

const struct lab lab_segfault_storm = {
	.name = "segfault-storm",
	.story = "A program crashes again and again",
	.want = "kernel.segfaults",
	.bounds = "8 processes, one after the other",
	.settle_s = 1,
	.run = run,
};
