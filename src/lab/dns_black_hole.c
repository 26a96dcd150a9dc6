/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = net_names(s, false);

	if (err < 0)
		return err;
	scene_say(s, "4 processes lab-lookup ask 192.0.2.53 for names, which never answers");
	scene_culprit(s, "peer", 0, "192.0.2.53:53");
	return scene_hold(s);
}

const struct lab lab_dns_black_hole = {
	.name = "dns-black-hole",
	.story = "A name server takes questions and gives no answers",
	.want = "name.slow",
	.bounds = "an own network namespace and /etc/resolv.conf",
	.root = true,
	.settle_s = 1,
	.run = run,
};
