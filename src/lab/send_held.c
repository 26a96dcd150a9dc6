/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = HOSTS_SHAPE "8bit\n",
		.needs = HOSTS_SHAPE_NEEDS,
		.act = hosts_stream,
		.reads = true,
		.culprit = "interface lab-a",
		.says = "writes to " HOSTS_SERVER ", and lab-a is shaped to 8 bits a second",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_send_held = {
	.name = "send-held",
	.story = "A queue of the own interface lets nothing go; the peer waits for it",
	.want = "tcp.send-stalled",
	.bounds = "three network namespaces with a router, one connection",
	.root = true,
	.settle_s = 12,
	.run = run,
};
