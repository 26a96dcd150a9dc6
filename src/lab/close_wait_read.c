/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_close_wait(s, "lab-closeread", 48, true);
}

const struct lab lab_close_wait_read = {
	.name = "close-wait-read",
	.story = "A server reads that its clients have closed, and forgets to close its side",
	.want = "tcp.close-wait",
	.bounds = "48 loopback connections",
	.settle_s = 3,
	.run = run,
};
