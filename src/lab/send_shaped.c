/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = HOSTS_SHAPE "256kbit\n",
		.needs = HOSTS_SHAPE_NEEDS,
		.act = hosts_stream,
		.reads = true,
		.says = "writes to " HOSTS_SERVER " over an interface that is shaped to 256 kbit/s",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_send_shaped = {
	.name = "send-shaped",
	.story = "An interface is shaped to 256 kbit/s, and what is written goes on",
	.bounds = "three network namespaces with a router, one connection",
	.root = true,
	.settle_s = 12,
	.run = run,
};
