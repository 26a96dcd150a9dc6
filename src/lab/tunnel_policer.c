/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.reads = true,
		.here = ESP_HERE,
		.there = ESP_THERE,
		.path = ESP_FAR("") "tc qdisc add dev lab-r handle ffff: ingress\n"
				    "tc filter add dev lab-r parent ffff: matchall action police "
				    "rate 20mbit burst 64k drop\n",
		.act = hosts_stream,
		.culprit = "host",
		.says = "sends through a tunnel to " HOSTS_SERVER
			"; what is above 20 Mbit/s is dropped",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_policer = {
	.name = "tunnel-policer",
	.story = "An IPsec tunnel of 40 ms, and a provider that drops what is above 20 Mbit/s",
	.want = "tcp.retrans",
	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	.mild = true,
	.settle_s = 6, /* past the start, which overshoots */
	.for_s = 12,
	.run = run,
};
