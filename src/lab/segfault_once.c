/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = crash(s, "lab-slip", 1);

	if (err < 0)
		return err;
	s->announced.len = 0;
	scene_say(s, "lab-slip crashed once");
	return scene_hold(s);
}

const struct lab lab_segfault_once = {
	.name = "segfault-once",
	.story = "A program crashes once",
	.bounds = "one process",
	.settle_s = 1,
	.run = run,
};
