/* SPDX-License-Identifier: MIT */
/* A look at all TCP sockets, judged where they are read: murphy tcp. */
#ifndef MURPHY_LOOK_TCP_LOOK_H
#define MURPHY_LOOK_TCP_LOOK_H

#include "feed/feed.h"
#include "model/tcp_verdict.h"

/* Which sockets become rows. All are judged and counted in tcp_tally whatever is wanted here. */
struct tcp_wanted {
	uint32_t states;   /* a bit each, by enum tcp_state; 0: all */
	uint32_t verdicts; /* by enum tcp_verdict; 0: all */
	uint32_t port;     /* ours or the peer's; 0: any */
	bool all;          /* as many healthy ones as there are, not only some thousand */
};

struct tcp_look;

/* h must outlive it. There is one at a time: what is wanted is asked by functions. 0 or -ENOMEM. */
int tcp_look_new(struct host *h, const struct tcp_wanted *wanted, struct tcp_look **ret_look);
void tcp_look_free(struct tcp_look *l);

/*
 * Look now; what was made before is gone. Of a root: its last frame. 0, -ENOMEM, or why the frame
 * of a root cannot be entered.
 */
int tcp_look_next(struct tcp_look *l);

/* Who holds the sockets of inodes, which are sorted here: table socket_owner. 0 or -ENOMEM. */
int tcp_look_owners(struct tcp_look *l, uint64_t *inodes, size_t n);

/* What came of it; lives until the next. */
const struct frame *tcp_look_frame(const struct tcp_look *l);

/* Boottime when it ended, and what it has cost since it began. */
uint64_t tcp_look_now_ns(const struct tcp_look *l);
uint64_t tcp_look_cpu_ns(const struct tcp_look *l);
uint64_t tcp_look_wall_ns(const struct tcp_look *l);
uint64_t tcp_look_peak_bytes(const struct tcp_look *l);

#endif
