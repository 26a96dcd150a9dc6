/* SPDX-License-Identifier: MIT */
/* murphy tcp join: what is shown of two hosts that were joined. */
#ifndef MURPHY_VIEW_TCP_JOIN_H
#define MURPHY_VIEW_TCP_JOIN_H

#include "model/tcp_join.h"

struct join_view {
	const struct join_result *result;
	const char *host[JOIN_HOSTS]; /* what they are called */
	size_t top;                   /* findings to show; 0: all */
	bool live;                    /* the looks were taken in turn, by murphy */
	int exit_code;
};

#endif
