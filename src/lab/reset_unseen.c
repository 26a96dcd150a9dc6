/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_reset(s, false);
}

const struct lab lab_reset_unseen = {
	.name = "reset-unseen",
	.story = "Clients have reset 30 connections; their server never looks at them again",
	.want = "tcp.reset-unseen",
	.bounds = "30 loopback connections",
	.root = true,
	/* Ten seconds are no accident any more. */
	.settle_s = 11,
	.run = run,
};
