/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_short(s, 50);
}

const struct lab lab_time_wait = {
	.name = "time-wait",
	.story = "100 connections a second end, and 50 sockets may be in TIME_WAIT",
	.want = "tcp.time-wait",
	.bounds = "100 loopback connections a second in a network namespace",
	.root = true,
	.mild = true,
	.settle_s = 2,
	.run = run,
};
