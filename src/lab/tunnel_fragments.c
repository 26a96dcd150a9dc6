/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = HOSTS_VXLAN_HERE("1500"),
		.there = HOSTS_VXLAN_THERE("1500"),
		.needs = HOSTS_VXLAN_NEEDS,
		.act = hosts_datagrams_inside,
		.culprit = "interface lab-x",
		.says = "sends full packets through lab-x, whose MTU leaves no room for its header",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_fragments = {
	.name = "tunnel-fragments",
	.story = "A tunnel takes packets of 1,500 bytes over a network that takes no larger ones",
	.want = "net.tunnel",
	.mild = true,
	.bounds = "three network namespaces with a router, 100 datagrams a second",
	.root = true,
	.settle_s = 2,
	.run = run,
};
