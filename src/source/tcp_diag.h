/* SPDX-License-Identifier: MIT */
/* TCP sockets as sock_diag sends them, decoded one by one. */
#ifndef MURPHY_SOURCE_TCP_DIAG_H
#define MURPHY_SOURCE_TCP_DIAG_H

#include "base/cursor.h"
#include "sample/tables.h"

/* net/tcp_states.h */
enum {
	TCP_STATE_ESTABLISHED = 1,
	TCP_STATE_TIME_WAIT = 6,
	TCP_STATE_LISTEN = 10,
	TCP_STATES = 16, /* more than there are */
};

struct tcp_diag {
	struct tcp_socket row; /* without its two addresses, which need a table, and netns */
	uint8_t local[16], peer[16];
	bool interrupted; /* the kernel says that its table changed while it was read */
};

/*
 * The next socket of netlink messages back to back; other messages are skipped. 1, 0 at the end, or
 * -EINVAL malformed. Attributes that a kernel does not send yet leave their cells absent.
 */
int tcp_diag_next(struct cursor *c, struct tcp_diag *ret_diag);

/*
 * An address of 4 or 16 bytes as text of t, 0 when memory is out. ::ffff:a.b.c.d is written
 * a.b.c.d, so that both ends of a connection read the same.
 */
text_t tcp_diag_address(struct table *t, uint32_t family, const uint8_t *bytes);

/* Column loops: is the peer this host, as far as addresses tell? */
bool tcp_diag_loops(uint32_t family, const uint8_t *local, const uint8_t *peer);

/* Append its row to t, addresses and all. 0 or -ENOMEM. */
int tcp_diag_add(struct table *t, const struct tcp_diag *d);

#endif
