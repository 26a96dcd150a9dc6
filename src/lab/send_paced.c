/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.act = hosts_stream_paced,
		.reads = true,
		.culprit = "process",
		.says = "writes to " HOSTS_SERVER ", at the pace of eight bytes a second",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_send_paced = {
	.name = "send-paced",
	.story = "A program paces itself to eight bytes a second",
	.want = "tcp.send-stalled",
	.bounds = "three network namespaces with a router, one connection",
	.root = true,
	.settle_s = 8,
	.run = run,
};
