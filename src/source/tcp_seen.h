/* SPDX-License-Identifier: MIT */
/* TCP sockets as src/bpf/tcp_socket.bpf.c saw them, made what sock_diag would have told. */
#ifndef MURPHY_SOURCE_TCP_SEEN_H
#define MURPHY_SOURCE_TCP_SEEN_H

#include "bpf/tcp_socket.h"
#include "source/tcp_diag.h"

/*
 * Ticks a second, by the kernel's counter of them and CLOCK_MONOTONIC at one moment: the counter
 * began five minutes before it overflows (INITIAL_JIFFIES, linux/jiffies.h). 0: it is none that a
 * kernel may have.
 */
unsigned int tcp_seen_hz(uint64_t jiffies, uint64_t now_ns);

/* False: it is in no state that TCP has. */
bool tcp_seen_decode(const struct tcp_seen *seen, unsigned int hz, struct tcp_diag *ret_diag);

#endif
