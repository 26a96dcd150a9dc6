/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_udp(s, false);
}

const struct lab lab_udp_unread = {
	.name = "udp-unread",
	.story = "A process has a UDP socket and does not read it: its buffer overflows",
	.want = "net.drops",
	.bounds = "2,000 datagrams a second in a network namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
