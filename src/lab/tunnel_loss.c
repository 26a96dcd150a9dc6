/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.reads = true,
		.here = ESP_HERE,
		.there = ESP_THERE,
		.path = ESP_FAR("20ms") ESP_DROP("numgen random mod 100 < 8"),
		.act = hosts_stream,
		.culprit = "host",
		.says = "sends through a tunnel to " HOSTS_SERVER ", which loses 8 %",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_loss = {
	.name = "tunnel-loss",
	.story = "An IPsec tunnel of 40 ms that loses 8 % of what goes there",
	.want = "tcp.retrans",
	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	.settle_s = 3,
	.for_s = 6,
	.run = run,
};
