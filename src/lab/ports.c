/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	return net_ports(s, 96, 1);
}

const struct lab lab_ports = {
	.name = "ports",
	.story = "A client holds 96 connections to one server and has 100 local ports for it",
	.want = "tcp.ports",
	.bounds = "96 connections in a network namespace",
	.root = true,
	.run = run,
};
