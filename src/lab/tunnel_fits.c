/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = HOSTS_VXLAN_HERE("1450"),
		.there = HOSTS_VXLAN_THERE("1450"),
		.needs = HOSTS_VXLAN_NEEDS,
		.act = hosts_datagrams_inside,
		.says = "sends through lab-x, whose MTU leaves room for its header",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_fits = {
	.name = "tunnel-fits",
	.story = "The same tunnel and datagrams, and its MTU leaves room for its header",

	.bounds = "three network namespaces with a router, 100 datagrams a second",
	.root = true,
	.settle_s = 2,
	.run = run,
};
