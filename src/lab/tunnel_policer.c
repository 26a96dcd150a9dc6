/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

static int run(struct scene *s)
{
	/* So far that what an interpreted CPU takes for a packet is little. */
	static const struct hosts_tale tale = {
		.connections = 1,
		.reads = true,
		.here = ESP_HERE,
		.there = ESP_THERE,
		.path = ESP_FAR(
			"40ms") "tc qdisc add dev lab-r handle ffff: ingress\n"
				"tc filter add dev lab-r parent ffff: matchall action police "
				"rate 8mbit burst 32k drop\n",
		.act = hosts_stream,
		.culprit = "host",
		.says = "sends through a tunnel to " HOSTS_SERVER
			"; what is above 8 Mbit/s is dropped",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_policer = {
	.name = "tunnel-policer",
	.story = "An IPsec tunnel of 80 ms, and a provider that drops what is above 8 Mbit/s",
	.want = "tcp.retrans",
	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	.mild = true,
	.settle_s = 6, /* past the start, which overshoots */
	.for_s = 15,
	.run = run,
};
