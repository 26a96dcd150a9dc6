/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = HOSTS_POLICY "out" HOSTS_ESP,
		.needs = HOSTS_POLICY_NEEDS,
		.act = hosts_datagrams,
		.culprit = "self",
		.says = "sends to " HOSTS_PEER ", for which IPsec is wanted and no SA is there",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_no_sa = {
	.name = "tunnel-no-sa",
	.story = "A policy wants IPsec for what goes to a server, and there is no SA: nothing "
		 "leaves",
	.want = "net.tunnel",
	.bounds = "three network namespaces with a router, 100 datagrams a second",
	.root = true,
	.settle_s = 2,
	.run = run,
};
