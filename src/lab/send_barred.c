/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = "ip route add blackhole " HOSTS_PEER "/32\n",
		.act = hosts_stream,
		.reads = true,
		.culprit = "self",
		.says = "writes to " HOSTS_SERVER ", and its own host has no route there any more",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_send_barred = {
	.name = "send-barred",
	.story = "A host has lost its way to the peer of open connections",
	.want = "tcp.send-stalled",
	.bounds = "three network namespaces with a router, one connection",
	.root = true,
	.settle_s = 10,
	.run = run,
};
