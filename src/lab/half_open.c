/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.fate = HOSTS_OFF,
		.sysctl = { "tcp_keepalive_time", "2" },
		.culprit = "process",
		.says = "has idle connections to " HOSTS_SERVER ", whose host has lost its power",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_half_open = {
	.name = "half-open",
	.story = "A server's host lost its power; a pool that has no keepalive knows nothing of it",
	.want = "tcp.half-open",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	.mild = true,
	.settle_s = 4,
	.run = run,
};
