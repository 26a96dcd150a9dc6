/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.delay_ms = 20,
		.reads = true,
		.sysctl_there = { "tcp_rmem", "4096 65536 65536" },
		.act = hosts_stream,
		.culprit = "host",
		.says = "sends to " HOSTS_SERVER
			", 40 ms away, whose host allows buffers of 64 KiB",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_window_limited = {
	.name = "window-limited",
	.story = "The other host allows buffers of 64 KiB, 40 ms away: 1 MB a second, whatever the "
		 "path could carry",
	.want = "tcp.window-limited",
	.bounds = "three network namespaces with a router and a wire of 40 ms, 1 connection",
	.root = true,
	.mild = true,
	.settle_s = 3,
	.run = run,
};
