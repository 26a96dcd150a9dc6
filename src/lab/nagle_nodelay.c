/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_dialogue(s, NET_NODELAY);
}

const struct lab lab_nagle_nodelay = {
	.name = "nagle-nodelay",
	.story = "The same questions as in nagle, with TCP_NODELAY",
	.bounds = "a loopback connection in a network namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
