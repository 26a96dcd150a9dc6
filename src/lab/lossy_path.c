/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = net_path(s, true);

	if (err < 0)
		return err;
	scene_culprit(s, "peer", 0, "127.0.0.3");
	return scene_hold(s);
}

const struct lab lab_lossy_path = {
	.name = "lossy-path",
	.story = "Of the segments to one of three peers 25 % are lost on the way",
	.want = "tcp.retrans",
	.bounds = "10 connections in a network namespace",
	.root = true,
	.settle_s = 2,
	.run = run,
};
