/* SPDX-License-Identifier: MIT */
/* Tunnel devices: which are, and whether what they send fits into what is below. */
#ifndef MURPHY_CHECK_NET_TUNNEL_H
#define MURPHY_CHECK_NET_TUNNEL_H

#include "check/check.h"

/* A tunnel proper. What a bridge, a bond or a veth drops is net.drops'. */
bool net_tunnel_is(const struct model *m, const struct link *l);

/* Tell of those whose packets leave in fragments. False: there are none. */
bool net_tunnel_mtu(struct judgement *j, const struct model *m);

#endif
