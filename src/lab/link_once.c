/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = net_flaps(s, 0, true);

	if (err < 0)
		return err;
	scene_say(s, "lab-once loses its link once, as when a cable is pulled");
	return scene_hold(s);
}

const struct lab lab_link_once = {
	.name = "link-once",
	.story = "A network interface loses its link once",
	.bounds = "a pair of interfaces without addresses, an own network namespace",
	.root = true,
	.run = run,
};
