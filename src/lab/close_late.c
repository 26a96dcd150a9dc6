/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 12,
		.server_closes = true,
		.fate = HOSTS_PAUSES,
		.act = hosts_close,
		.says = "closed after " HOSTS_SERVER
			" had, while the path was interrupted for 1.5 s",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_close_late = {
	.name = "close-late",
	.story = "The same as last-ack, but the path comes back after 1.5 s",
	.bounds = "three network namespaces with a router, 12 connections",
	.root = true,
	.settle_s = 2,
	.run = run,
};
