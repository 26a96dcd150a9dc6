/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_stream(s, true);
}

const struct lab lab_slow_reader = {
	.name = "slow-reader",
	.story = "A reader reads 640 kB/s; its sender would send all it can",
	.want = "tcp.slow-reader",
	.bounds = "a loopback connection",
	.mild = true,
	.settle_s = 1,
	.run = run,
};
