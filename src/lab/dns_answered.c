/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = net_names(s, true);

	if (err < 0)
		return err;
	scene_say(s, "4 processes lab-lookup get answers at once; lab-keeper keeps a socket open");
	return scene_hold(s);
}

const struct lab lab_dns_answered = {
	.name = "dns-answered",
	.story = "A name server answers at once, and an event loop keeps a socket to it",
	.bounds = "an own network namespace and /etc/resolv.conf",
	.root = true,
	.settle_s = 1,
	.run = run,
};
