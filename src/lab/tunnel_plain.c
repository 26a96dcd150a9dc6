/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.there = HOSTS_POLICY "in" HOSTS_ESP,
		.needs = HOSTS_POLICY_NEEDS,
		.act = hosts_datagrams,
		.culprit = "self",
		.says = "sends plain datagrams to " HOSTS_PEER ", which wants IPsec",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_plain = {
	.name = "tunnel-plain",
	.story = "A server wants IPsec of what comes in, and the client sends it plain",
	.want = "net.tunnel",
	.bounds = "three network namespaces with a router, 100 datagrams a second",
	.root = true,
	.mild = true, /* it is the other host that drops, and anybody could send such */
	.settle_s = 2,
	.run = run,
};
