/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_short(s, 0);
}

const struct lab lab_time_wait_room = {
	.name = "time-wait-room",
	.story = "100 connections a second end, and there is room for all in TIME_WAIT",
	.bounds = "100 loopback connections a second in a network namespace",
	.root = true,
	.settle_s = 2,
	.run = run,
};
