/* SPDX-License-Identifier: MIT */
#include "lab/esp.h"

#include <errno.h>
#include <sched.h>

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 1,
		.reads = true,
		.router = ESP_GATEWAY,
		.there = ESP_THERE_GATEWAY,
		.act = hosts_stream,
		/* Out of the tunnel come single packets; before it they are merged. */
		.culprit = "interface lab-p",
		.says = "sends to " HOSTS_SERVER " through a tunnel as fast as one CPU can encrypt",
	};
	cpu_set_t first;

	/* What is sent is received and forwarded there, as a card's interrupts stay on theirs. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first) < 0)
		return -errno;
	return hosts_tell(s, &tale);
}

const struct lab lab_tunnel_crypto = {
	.name = "tunnel-crypto",
	.story = "A gateway's IPsec tunnel is as fast as one CPU can encrypt",
	.want = "net.softirq",
	.bounds = ESP_BOUNDS,
	.guest = &esp_guest,
	.root = true,
	.mild = true,
	.settle_s = 3,
	.run = run,
};
