/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What nagle.bpf.c counts and source/nagle_bpf.c reads. */
#ifndef MURPHY_BPF_NAGLE_H
#define MURPHY_BPF_NAGLE_H

/* A shorter hold is a round trip, not worth a word. */
#define NAGLE_HOLD_NS 1000000
/*
 * So much longer than the shortest round trip only a delayed ACK takes: 40 ms at least on Linux
 * (TCP_DELACK_MIN), less what passed between the two writes.
 */
#define NAGLE_STALL_NS 20000000

enum { NAGLE_CONNECTIONS_MAX = 4096 };

/* IPv4 as ::ffff:a.b.c.d, so that both ends of a connection look alike. */
struct nagle_flow {
	unsigned char local[16], peer[16];
	unsigned short local_port, peer_port;
};

/* One connection of which something was held; keyed by the socket's cookie. */
struct nagle_seen {
	struct nagle_flow flow;
	unsigned int netns;
	unsigned int
		pid; /* who wrote last, as murphy's own pid namespace numbers it; 0: not in it */
	unsigned int sent_bytes, held_bytes; /* of the last hold: in flight, and waiting */
	unsigned long long inode;
	unsigned long long sends; /* from the first held one on */
	unsigned long long holds, held_ns, longest_ns;
	unsigned long long stalls, stalled_ns;
	unsigned long long
		answered; /* stalls after which the peer sent data before the next send */
	unsigned long long
		delayed_acks; /* stalls that the other end's delayed ACK timer ended, here */
	unsigned long long acker_inode; /* its socket */
};

#endif
