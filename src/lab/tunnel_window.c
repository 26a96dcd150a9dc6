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
		.sysctl_there = { "tcp_rmem", "4096 65536 65536" },
		.act = hosts_stream,
		.culprit = "host",
		.says = "sends through a tunnel to " HOSTS_SERVER
			", 40 ms away, whose host allows buffers of 64 KiB",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_window = {
	.name = "tunnel-window",
	.story = "An IPsec tunnel of 40 ms, and the other host allows buffers of 64 KiB",
	.want = "tcp.window-limited",
	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	.mild = true,
	.settle_s = 3,
	.run = run,
};
