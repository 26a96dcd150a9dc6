/* SPDX-License-Identifier: MIT */
/* TCP sockets as src/bpf/tcp_socket.bpf.c saw them, made what sock_diag would have told. */
#ifndef MURPHY_SOURCE_TCP_SEEN_H
#define MURPHY_SOURCE_TCP_SEEN_H

#include "bpf/tcp_socket.h"
#include "source/tcp_diag.h"

/*
 * tick_ns: how long the kernel's own tick is, host_tick_ns(). False: it is in no state of TCP.
 */
bool tcp_seen_decode(const struct tcp_seen *seen, uint64_t tick_ns, struct tcp_diag *ret_diag);

#endif
