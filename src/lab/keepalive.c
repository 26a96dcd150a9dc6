/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.open = hosts_keepalive,
		.fate = HOSTS_LIVES,
		.sysctl = { "tcp_keepalive_time", "2" },
		.says = "has idle connections with keepalive to " HOSTS_SERVER ", which is there",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_keepalive = {
	.name = "keepalive",
	.story = "A pool's idle connections probe a host that is there, each second",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	.settle_s = 5,
	.run = run,
};
