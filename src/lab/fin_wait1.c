/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

static int run(struct scene *s)
{
	static const struct hosts_tale tale = {
		.connections = 12,
		.fate = HOSTS_OFF,
		.act = hosts_speak_and_close,
		.culprit = "host",
		.says = "has written to " HOSTS_SERVER " and closed; its host has lost its power",
	};

	return hosts_tell(s, &tale);
}

const struct lab lab_fin_wait1 = {
	.name = "fin-wait1",
	.story = "A program writes, closes and goes on, while the host at the other end is off",
	.want = "tcp.fin-wait1",
	.bounds = "three network namespaces with a router, 12 connections",
	.root = true,
	.mild = true,
	.settle_s = 3,
	.run = run,
};
