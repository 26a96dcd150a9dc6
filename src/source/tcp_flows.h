/* SPDX-License-Identifier: MIT */
/* Connections that took an ephemeral port, counted by whom they lead to while a dump passes by. */
#ifndef MURPHY_SOURCE_TCP_FLOWS_H
#define MURPHY_SOURCE_TCP_FLOWS_H

#include "source/tcp_diag.h"

struct tcp_flows {
	uint32_t port_low, port_high; /* only local ports of this range count */
	uint64_t keepalive_ns;        /* who has keepalive is asked after so long a silence */
	struct tcp_group *group;      /* open-addressed by hash */
	size_t n, size;
	uint64_t lost; /* sockets that found no group: there were too many groups */
};

/* Count one socket. 0 or -ENOMEM. */
int tcp_flows_count(struct tcp_flows *f, const struct tcp_diag *d);

/* Append the largest groups to t, as of that namespace, and forget all. 0 or -ENOMEM. */
int tcp_flows_rows(struct tcp_flows *f, struct table *t, uint64_t netns);

void tcp_flows_release(struct tcp_flows *f);

#endif
