/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = net_flaps(s, 250, false);

	if (err < 0)
		return err;
	scene_say(s, "the link of lab-flap goes and comes back twice a second");
	scene_culprit(s, "device", 0, "lab-flap");
	return scene_hold(s);
}

const struct lab lab_link_flaps = {
	.name = "link-flaps",
	.story = "The link of a network interface comes and goes",
	.want = "kernel.link-flaps",
	.bounds = "a pair of interfaces without addresses, an own network namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
