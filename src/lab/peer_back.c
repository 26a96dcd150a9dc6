/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.fate = HOSTS_PAUSES,
		.act = hosts_speak,
		.says = "has written to " HOSTS_SERVER " while the path was interrupted for 1.5 s",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_peer_back = {
	.name = "peer-back",
	.story = "The same as peer-gone, but the path comes back after 1.5 s",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	.settle_s = 2,
	.run = run,
};
