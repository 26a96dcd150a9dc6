/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.reads = true,
		.here = ESP_HERE,
		.there = ESP_THERE,
		.path = ESP_FAR("20ms"),
		.act = hosts_stream_slowly,
		.says = "sends 4 MB a second through a tunnel to " HOSTS_SERVER,
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_roomy = {
	.name = "tunnel-roomy",
	.story = "The same tunnel of 40 ms, 4 MB a second, and nothing limits it",

	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	.settle_s = 3,
	.run = run,
};
