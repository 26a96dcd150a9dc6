/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <stdio.h>
#include <unistd.h>

static int run(struct scene *s)
{
	char name[16];

	/* Each time another: run five times in an hour it would be a program that crashes often. */
	snprintf(name, sizeof(name), "slip-%d", (int)getpid());
	int err = crash(s, name, 1);

	if (err < 0)
		return err;
	s->announced.len = 0;
	scene_say(s, "%s crashed once", name);
	return scene_hold(s);
}

const struct lab lab_segfault_once = {
	.name = "segfault-once",
	.story = "A program crashes once",
	.bounds = "one process",
	.settle_s = 1,
	.run = run,
};
