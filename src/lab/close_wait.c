/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_close_wait(s, "lab-closewait", 48, false);
}

const struct lab lab_close_wait = {
	.name = "close-wait",
	.story = "A server's clients have closed; it does not notice, and leaks a descriptor each",
	.want = "tcp.close-wait",
	.bounds = "48 loopback connections",
	.settle_s = 3,
	.run = run,
};
