/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_udp(s, true);
}

const struct lab lab_udp_read = {
	.name = "udp-read",
	.story = "The same datagrams as in udp-unread, and they are read",
	.bounds = "2,000 datagrams a second in a network namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
