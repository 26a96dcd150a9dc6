/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.delay_ms = 20,
		.reads = true,
		.act = hosts_stream_slowly,
		.says = "sends 4 MB a second to " HOSTS_SERVER ", 40 ms away",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_window_roomy = {
	.name = "window-roomy",
	.story = "Four megabytes a second over the same 40 ms, with buffers as they are: nothing "
		 "is capped",
	.bounds = "three network namespaces with a router and a wire of 40 ms, 1 connection",
	.root = true,
	.settle_s = 3,
	.run = run,
};
