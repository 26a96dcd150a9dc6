/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.router = HOSTS_NARROW HOSTS_SILENT,
		.needs = HOSTS_SILENT_NEEDS,
		.act = hosts_upload,
		.culprit = "host",
		.says = "has written 9,000 bytes to " HOSTS_SERVER
			" six times; a link on the way takes 1,400 at once, and nobody says so",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_path_mtu = {
	.name = "path-mtu",
	.story = "A link on the way takes 1,400 bytes; full segments never arrive, small ones do",
	.want = "net.path-mtu",
	.bounds = "three network namespaces with a router, 6 connections",
	.root = true,
	/* Four times in a row: 0.2, 0.4, 0.8 and 1.6 s. */
	.settle_s = 4,
	.run = run,
};
