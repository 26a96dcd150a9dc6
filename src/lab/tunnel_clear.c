/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = HOSTS_POLICY "out\n",
		.there = HOSTS_POLICY "in\n",
		.needs = HOSTS_POLICY_NEEDS,
		.act = hosts_datagrams,
		.says = "sends to " HOSTS_PEER ", with policies that let it",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_clear = {
	.name = "tunnel-clear",
	.story = "The same datagrams, and the policies of both hosts let them through",
	.bounds = "three network namespaces with a router, 100 datagrams a second",
	.root = true,
	.settle_s = 2,
	.run = run,
};
