/* SPDX-License-Identifier: MIT */
/* A prediction in a few words: "ETIMEDOUT in 14 min 50 s", "FIN_WAIT2 gone in 41 s". */
#ifndef MURPHY_VIEW_TCP_END_H
#define MURPHY_VIEW_TCP_END_H

#include "model/tcp_future.h"

struct tcp_end_text {
	char s[64];
};

/* "~" before the time: an option that could change all was taken as not set. "": nothing. */
struct tcp_end_text tcp_future_text(const struct tcp_end *end);

#endif
