/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.here = ESP_HERE,
		.there = ESP_THERE,
		.router = HOSTS_NARROW HOSTS_SILENT,
		.act = hosts_upload_again,
		.culprit = "host",
		.says = "writes 100,000 bytes through a tunnel to " HOSTS_SERVER
			", and 4 s later again on a new connection; a link below it takes 1,400 at "
			"once, and nobody says so",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_mtu = {
	.name = "tunnel-mtu",
	.story = "An IPsec tunnel over a link that takes 1,400 bytes, and nobody says so",
	.want = "net.path-mtu",
	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	/* As path-mtu-first: behind the first full segments nothing small is sent. */
	.settle_s = 8,
	.run = run,
};
