/* SPDX-License-Identifier: MIT */
/* A line of /proc/net/udp and udp6, decoded in two steps: most lines are of no interest. */
#ifndef MURPHY_SOURCE_UDP_LINE_H
#define MURPHY_SOURCE_UDP_LINE_H

#include "base/cursor.h"

struct udp_line {
	uint8_t local[16], peer[16]; /* 4 or 16 bytes by family */
	uint32_t family, local_port, peer_port, state;
	/* From here on of udp_line_rest(). */
	uint64_t receive_queue, uid, inode,
		drops; /* bytes of buffer memory; datagrams since opened */
	bool has_drops;
	struct cursor rest;
};

/* Take the line of names that c begins with. False: it is none. */
bool udp_line_head(struct cursor *c);

/*
 * The next line of a socket. A line that the end of what was read cuts is none. False at the end.
 */
bool udp_line_next(struct cursor *c, struct cursor *ret_line);

/*
 * Slot, addresses and state of a line, which must outlive *ret_line. False: malformed.
 *
 * Shape:  "sl: local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops"; an
 *         address is "0100007F:0035" or 32 digits and a port: 32-bit words as this machine stores
 *         them.
 * Source: net/ipv4/udp.c, udp4_format_sock(); net/ipv6/datagram.c, __ip6_dgram_sock_seq_show().
 */
bool udp_line_ends(struct cursor line, struct udp_line *ret_line);

/* What follows. drops may be missing (before 2.6.27). False: malformed. */
bool udp_line_rest(struct udp_line *line);

#endif
