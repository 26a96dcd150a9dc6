/* SPDX-License-Identifier: MIT */
/* What two ends of a connection cannot both believe. Only tcp_join.c needs it. */
#ifndef MURPHY_MODEL_TCP_JOIN_CAUSE_H
#define MURPHY_MODEL_TCP_JOIN_CAUSE_H

#include "model/tcp_join.h"

/* The other host has nothing. */
enum join_cause join_alone(const struct join_row *here);

/* Both have a socket. */
enum join_cause join_pair(const struct join_row *here, const struct join_row *there);

/* Nothing has moved between two looks that cause would not survive. */
bool join_stands(
	enum join_cause cause, const struct join_row here[2], const struct join_row there[2]);

#endif
