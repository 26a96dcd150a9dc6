/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_full(s, false);
}

static const struct lab_guest guest = { .why = "net.ipv4.tcp_mem is the whole machine's" };

const struct lab lab_tcp_mem = {
	.name = "tcp-mem",
	.story = "All TCP sockets may have 8 MiB, and a process does not read what comes",
	.want = "tcp.mem",
	.also = { "tcp.zero-window", "tcp.slow-reader" },
	.bounds = "net.ipv4.tcp_mem of a guest",
	.guest = &guest,
	.root = true,
	.settle_s = 2,
	.run = run,
};
