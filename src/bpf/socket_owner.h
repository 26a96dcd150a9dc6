/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What socket_owner.bpf.c writes and source/socket_owner_bpf.c reads. */
#ifndef MURPHY_BPF_SOCKET_OWNER_H
#define MURPHY_BPF_SOCKET_OWNER_H

/* A descriptor of a socket that was asked for. pid as murphy's own pid namespace numbers it. */
struct socket_owner_seen {
	unsigned long long inode;
	unsigned int pid, fd;
};

#endif
