/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 12,
		.fate = HOSTS_LIVES,
		.act = hosts_close,
		.culprit = "host",
		.says = "has closed; lab-server at " HOSTS_SERVER " does not",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_fin_wait2 = {
	.name = "fin-wait2",
	.story = "Clients have closed 12 connections, and the server never closes its side",
	.want = "tcp.fin-wait2",
	.also = { "tcp.close-wait" },
	.bounds = "three network namespaces with a router, 12 connections",
	.root = true,
	.mild = true,
	.settle_s = 1,
	.run = run,
};
