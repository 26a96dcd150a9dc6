/* SPDX-License-Identifier: MIT */
/*
 * Is the peer of a silent connection still there? One segment of ours asks, which changes nothing:
 * an ACK of what is long past (RFC 9293, 3.10.7.4). Its sequence number is that before the first
 * that the peer has not acknowledged, so the peer has seen it whatever is on its way. Who has the
 * connection answers what is before its window with an ACK; who has forgotten it answers with a RST
 * that carries our number, and so is out of our own kernel's window, which drops it. Sends: murphy
 * tcp probe --send only.
 *
 * To our kernel that ACK is one more of what it knows, or says what got lost. One or two of these
 * are no sign of loss: with SACK they do not count at all, without it three would (RFC 5681, 3.2).
 */
#ifndef MURPHY_ACT_TCP_PROBE_H
#define MURPHY_ACT_TCP_PROBE_H

#include <stddef.h>
#include <stdint.h>

enum tcp_answer {
	TCP_ANSWER_NONE,      /* in time; that proves nothing: a firewall may have eaten it */
	TCP_ANSWER_ALIVE,     /* the peer has the connection */
	TCP_ANSWER_FORGOTTEN, /* the peer, or something on the way that speaks for it, has it not */
	TCP_ANSWER_FAILED,    /* it could not be sent: error */
	TCP_ANSWERS
};

struct tcp_probe {
	uint64_t netns, pid; /* to enter, as of host_tcp_diag() */
	uint32_t family;     /* AF_INET, AF_INET6; an IPv4 address in IPv6 is AF_INET */
	uint8_t local[16], peer[16];
	uint16_t local_port, peer_port;
	uint32_t send_acked, receive_next; /* snd_una, rcv_nxt of ours */
	/* set by tcp_probe_all() */
	enum tcp_answer answer;
	int error;
	uint64_t rtt_ns; /* of an answer */
};

/* Segments a second, and how long to wait for the answer to each; then it is sent once more. */
struct tcp_probe_pace {
	double rate;
	uint64_t patience_ns;
};

/* Send and listen. Takes n / rate seconds, and the patience twice where nobody answers. */
void tcp_probe_all(struct tcp_probe *p, size_t n, const struct tcp_probe_pace *pace);

/* The segment, 20 bytes, with its checksum where it has to be ours (IPv4). */
enum { TCP_PROBE_BYTES = 20 };
void tcp_probe_segment(const struct tcp_probe *p, uint8_t ret_segment[TCP_PROBE_BYTES]);

/* What a packet, from its IPv4 header or, of IPv6, from its TCP header on, says to p. */
enum tcp_answer tcp_probe_hear(const struct tcp_probe *p, const uint8_t *packet, size_t len);

#endif
