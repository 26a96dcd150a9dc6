/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 6,
		.fate = HOSTS_OFF,
		.act = hosts_connect,
		.culprit = "peer",
		.says = "connects to " HOSTS_SERVER ", whose host has lost its power",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_syn_void = {
	.name = "syn-void",
	.story = "Clients connect to a host that is switched off: nothing answers their SYNs",
	.want = "tcp.syn-void",
	.bounds = "three network namespaces with a router, 12 connections",
	.root = true,
	/* The second SYN comes after 1 s, the third after 3. */
	.settle_s = 4,
	.run = run,
};
