/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.delay_ms = 20,
		.reads = true,
		.act = hosts_stream_small,
		.culprit = "process",
		.says = "sends to " HOSTS_SERVER ", 40 ms away, from a buffer of 64 KiB",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_send_limited = {
	.name = "send-limited",
	.story = "A program sets a send buffer of 64 KiB and sends to a host 40 ms away",
	.want = "tcp.window-limited",
	.bounds = "three network namespaces with a router and a wire of 40 ms, 1 connection",
	.root = true,
	.mild = true,
	.settle_s = 3,
	.run = run,
};
