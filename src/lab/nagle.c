/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_dialogue(s, NET_TWO_WRITES);
}

const struct lab lab_nagle = {
	.name = "nagle",
	.story = "Each question goes out in two small writes: the second waits 40 ms for an ACK",
	.want = "tcp.nagle",
	.bounds = "a loopback connection in a network namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
