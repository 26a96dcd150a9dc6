/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What tcp_closed.bpf.c writes and source/tcp_closed_bpf.c reads. */
#ifndef MURPHY_BPF_TCP_CLOSED_H
#define MURPHY_BPF_TCP_CLOSED_H

/* A descriptor of a connection that is over. pid as murphy's own pid namespace numbers it. */
struct tcp_closed_seen {
	unsigned long long inode, at_us; /* at_us: of the monotonic clock */
	unsigned char local[16], peer[16];
	unsigned int pid, fd, netns, family, error;
	unsigned short local_port, peer_port;
};

#endif
