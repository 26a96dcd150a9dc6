/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.fate = HOSTS_OFF,
		.act = hosts_speak,
		.culprit = "peer",
		.says = "has written to " HOSTS_SERVER ", whose host has lost its power",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_peer_gone = {
	.name = "peer-gone",
	.story = "A server's host loses its power; what clients write to it is never acknowledged",
	.want = "tcp.peer-gone",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	/* Four times in a row: 0.2, 0.4, 0.8 and 1.6 s. */
	.settle_s = 4,
	.run = run,
};
