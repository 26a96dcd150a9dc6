/* SPDX-License-Identifier: MIT */
/* TCP of all network namespaces that could be read: sockets by state, traffic over the look. */
#ifndef MURPHY_MODEL_TCP_H
#define MURPHY_MODEL_TCP_H

#include "model/model.h"

/* net/tcp_states.h */
enum tcp_state {
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_SYN_SENT,
	TCP_STATE_SYN_RECV,
	TCP_STATE_FIN_WAIT1,
	TCP_STATE_FIN_WAIT2,
	TCP_STATE_TIME_WAIT,
	TCP_STATE_CLOSE,
	TCP_STATE_CLOSE_WAIT,
	TCP_STATE_LAST_ACK,
	TCP_STATE_LISTEN,
	TCP_STATE_CLOSING,
	TCP_STATE_NEW_SYN_RECV,
	TCP_STATES
};

struct tcp_model {
	enum state state;                   /* of the totals by state */
	struct reading sockets[TCP_STATES]; /* absent only when the table could not be read */
	struct reading in_segments_per_s, out_segments_per_s;
	struct reading retransmit_ratio;      /* of the segments sent during the look */
	struct reading listen_overflows;      /* during the look */
	struct reading listen_overflows_ever; /* since boot, or since its namespace began */
	struct reading memory_ratio;          /* of net.ipv4.tcp_mem's third value */
};

/* Who holds the socket: a row of socket_owner, NULL when that was not asked for or nobody does. */
const struct socket_owner *tcp_owner(const struct model *m, uint64_t inode);

/* The row of the frame before of the same socket (by cookie), NULL when it was not there. */
const struct tcp_socket *tcp_before(const struct model *m, const struct tcp_socket *s);

/*
 * Local ports that connect() may choose from there, and those that connections to that peer hold:
 * no two connections to one address and port can have the same. TIME_WAIT counts unless the kernel
 * may take such a port again (net.ipv4.tcp_tw_reuse). total 0: unknown.
 */
struct port_use {
	uint64_t used, total;
	bool reuses; /* TIME_WAIT is not in used */
};
struct port_use tcp_ports(const struct model *m, const struct tcp_flow *flow);

/* "ESTABLISHED", "CLOSE_WAIT"...; "?" for a number that is none. */
const char *tcp_state_name(uint32_t state);

#endif
