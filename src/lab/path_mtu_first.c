/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

/* Nothing small is sent behind the first full segments: that others connect is the only sign. */
static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.router = HOSTS_NARROW HOSTS_SILENT,
		.needs = HOSTS_SILENT_NEEDS,
		.act = hosts_upload_again,
		.culprit = "host",
		.says = "writes 100,000 bytes to " HOSTS_SERVER
			", and 4 s later again on a new connection; a link on the way takes 1,400 "
			"at once, and nobody says so",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_path_mtu_first = {
	.name = "path-mtu-first",
	.story = "The same, and not even a small segment is sent behind the full ones",
	.want = "net.path-mtu",
	.bounds = "three network namespaces with a router, 2 connections",
	.root = true,
	/* 4 s to the second, and its four times in a row: 0.2, 0.4, 0.8 and 1.6 s. */
	.settle_s = 8,
	.run = run,
};
