/* SPDX-License-Identifier: MIT */
#include "lab/mirror.h"

static int run(struct scene *s)
{
	char target[112];
	int err = mirror_new(s, target);

	if (err < 0)
		return err;
	scene_say(s,
		MIRROR " at %s is a mirror of " MIRROR_FIRST " and " MIRROR_SECOND ", both sound",
		target);
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "it needs software RAID of the kernel",
	.modules = { MIRROR_MODULES } };

const struct lab lab_raid_whole = {
	.name = "raid-whole",
	.story = "A mirror has both of its disks",
	.bounds = "two memory disks of a guest",
	.guest = &guest,
	.root = true,
	.settle_s = 1,
	.run = run,
};
