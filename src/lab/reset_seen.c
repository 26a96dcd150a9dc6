/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_reset(s, true);
}

const struct lab lab_reset_seen = {
	.name = "reset-seen",
	.story = "Clients have reset 30 connections; their server is woken and closes them",
	.bounds = "30 loopback connections",
	.root = true,
	/* Ten seconds are no accident any more. */
	.settle_s = 11,
	.run = run,
};
