/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.open = hosts_keepalive,
		.fate = HOSTS_OFF,
		.culprit = "peer",
		.says = "has idle connections with keepalive to " HOSTS_SERVER
			", whose host has lost its power",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_keepalive_failing = {
	.name = "keepalive-failing",
	.story = "A pool's idle connections probe a host that is switched off",
	.want = "tcp.keepalive-failing",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	.settle_s = 4,
	.run = run,
};
