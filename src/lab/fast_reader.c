/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_stream(s, false);
}

const struct lab lab_fast_reader = {
	.name = "fast-reader",
	.story = "The same stream as in slow-reader, but it is the sender that sends slowly",
	.bounds = "a loopback connection",
	.settle_s = 1,
	.run = run,
};
