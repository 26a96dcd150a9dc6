/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	int err = net_path(s, false);

	return err < 0 ? err : scene_hold(s);
}

const struct lab lab_lossless_path = {
	.name = "lossless-path",
	.story = "The same clients and servers as in lossy-path, and nothing is lost",
	.bounds = "10 connections in a network namespace",
	.root = true,
	.settle_s = 2,
	.run = run,
};
