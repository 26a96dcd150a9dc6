/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_ports(s, 96, 4);
}

const struct lab lab_ports_spread = {
	.name = "ports-spread",
	.story = "The same 96 connections and 100 local ports, to four servers: a quarter each",
	.bounds = "96 connections in a network namespace",
	.root = true,
	.run = run,
};
