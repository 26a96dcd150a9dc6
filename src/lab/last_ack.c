/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 12,
		.server_closes = true,
		.fate = HOSTS_OFF,
		.act = hosts_close,
		.culprit = "host",
		.says = "closed after " HOSTS_SERVER " had, whose host has lost its power since",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_last_ack = {
	.name = "last-ack",
	.story = "A server closes and then loses its power; its clients wait for the last ACK",
	.want = "tcp.last-ack",
	.bounds = "three network namespaces with a router, 12 connections",
	.root = true,
	.mild = true,
	.settle_s = 3,
	.run = run,
};
