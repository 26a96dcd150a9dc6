/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	scene_say(s, "nothing happens");
	return scene_hold(s);
}

const struct lab lab_idle = {
	.name = "idle",
	.story = "Nothing happens",
	.bounds = "nothing",
	.run = run,
};
