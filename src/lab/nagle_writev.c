/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_dialogue(s, NET_ONE_WRITE);
}

const struct lab lab_nagle_writev = {
	.name = "nagle-writev",
	.story = "The same questions as in nagle, each in one writev",
	.bounds = "a loopback connection in a network namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
