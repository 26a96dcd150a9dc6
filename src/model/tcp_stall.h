/* SPDX-License-Identifier: MIT */
/*
 * Connections whose data does not leave this host, though their peers would take it. Pure, of one
 * row, and cheap.
 */
#ifndef MURPHY_MODEL_TCP_STALL_H
#define MURPHY_MODEL_TCP_STALL_H

#include "model/tcp.h"

enum tcp_stall {
	TCP_STALL_NONE,
	TCP_STALL_QUEUE,   /* all that it sent is in a queue of an interface, or its driver */
	TCP_STALL_PACED,   /* it waits for its own pace: SO_MAX_PACING_RATE */
	TCP_STALL_REFUSED, /* this host does not let it go: no route, a firewall's rule */
};

/* That long nothing moves. Links are shaped to less than a packet a second, but seldom. */
#define TCP_STALL_NS UINT64_C(5000000000)
/* What its pace delays it at least, from now. */
#define TCP_STALL_PACE_NS UINT64_C(1000000000)
/* Tries in a row that this host refused: 0.2, 0.4... 3.2 s after each other, 6 s in all. */
enum { TCP_STALL_TRIES = 5 };

/*
 * All that is not acknowledged still is in this host, and was not sent again: the kernel does not
 * send a copy while the first one waits here (skb_still_in_host_queue()), though its timer goes on,
 * and counts. Of a moment: that is how each transfer begins.
 */
bool tcp_held(const struct tcp_socket *s);

/* The peer's window has room for a segment, or for all that is not sent. */
bool tcp_window_takes_more(const struct tcp_socket *s);

/* What has stopped it, for TCP_STALL_NS; a process has it. */
enum tcp_stall tcp_stall_of(const struct tcp_socket *s);

#endif
