/* SPDX-License-Identifier: MIT */
/* The places where packets are dropped: each tells of its own, and says whether it could look. */
#ifndef MURPHY_CHECK_NET_DROPS_H
#define MURPHY_CHECK_NET_DROPS_H

#include "check/check.h"

/* Fewer than that in a look are a coin's tosses, or a socket that nobody reads by design. */
enum { DROPS_MIN = 20 };
#define DROPS_MIN_WHY "during the look; fewer say little, and some are always lost"

/* False: asked for more, call again. Findings go to j; *told counts them. */
bool net_drops_udp(struct judgement *j, const struct model *m, size_t *told);

void net_drops_links(struct judgement *j, const struct model *m, size_t *told);
void net_drops_queues(struct judgement *j, const struct model *m, size_t *told);

/* Connection tracking and neighbours. */
void net_drops_tables(struct judgement *j, const struct model *m, size_t *told);

#endif
