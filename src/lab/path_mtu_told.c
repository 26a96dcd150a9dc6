/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.router = HOSTS_NARROW,
		.act = hosts_upload,
		.says = "has written 9,000 bytes to " HOSTS_SERVER
			" six times; a link on the way takes 1,400 at once, and the router says so",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_path_mtu_told = {
	.name = "path-mtu-told",
	.story = "The narrow link again, and the router says so: segments get smaller, all arrives",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	.settle_s = 4,
	.run = run,
};
