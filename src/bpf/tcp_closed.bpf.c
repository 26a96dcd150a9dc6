/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * TCP sockets in state CLOSE that a process still holds and that had a peer. They are in no hash
 * table any more, so neither sock_diag nor /proc/net/tcp knows of them: only who holds them does.
 */
#include "bpf/tcp_closed.h"
#include "bpf/task.bpf.h"

#define SOCKFS_MAGIC 0x534f434b
enum { FAMILY_INET = 2, FAMILY_INET6 = 10, TYPE_STREAM = 1, PROTOCOL_TCP = 6, STATE_CLOSE = 7 };

struct super_block {
	unsigned long s_magic;
} CORE;

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} CORE;

struct file {
	struct inode *f_inode;
	void *private_data;
} CORE;

struct net {
	struct {
		unsigned int inum;
	} ns;
} CORE;

struct in6_addr {
	unsigned char bytes[16];
};

struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	struct {
		struct net *net;
	} skc_net;
} CORE;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type, sk_protocol;
	int sk_err;
} CORE;

struct inet_sock {
	struct sock sk;
	__u16 inet_sport; /* skc_num is 0 once the port was given back */
} CORE;

struct tcp_sock {
	__u64 tcp_mstamp;
} CORE;

struct socket {
	struct sock *sk;
} CORE;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} CORE;

static int is_closed(struct sock *sk)
{
	unsigned short family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == FAMILY_INET || family == FAMILY_INET6) &&
	       BPF_CORE_READ(sk, __sk_common.skc_state) == STATE_CLOSE &&
	       BPF_CORE_READ(sk, __sk_common.skc_dport) != 0 &&
	       BPF_CORE_READ(sk, sk_type) == TYPE_STREAM &&
	       BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP;
}

static void fill(struct tcp_closed_seen *to, struct sock *sk)
{
	to->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (to->family == FAMILY_INET) {
		__u32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__u32 peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		__builtin_memcpy(to->local, &local, sizeof(local));
		__builtin_memcpy(to->peer, &peer, sizeof(peer));
	} else {
		BPF_CORE_READ_INTO(&to->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&to->peer, sk, __sk_common.skc_v6_daddr);
	}
	to->local_port = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	to->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	to->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	to->error = BPF_CORE_READ(sk, sk_err);
	to->at_us = BPF_CORE_READ((struct tcp_sock *)sk, tcp_mstamp);
}

SEC("iter/task_file")
int tcp_closed(struct bpf_iter__task_file *ctx)
{
	struct tcp_closed_seen seen;
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file || file->f_inode->i_sb->s_magic != SOCKFS_MAGIC)
		return 0;
	struct socket *socket = (struct socket *)BPF_CORE_READ(file, private_data);
	struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : NULL;

	if (!sk || !is_closed(sk))
		return 0;
	/* Its padding too: all of it is copied. */
	__builtin_memset(&seen, 0, sizeof(seen));
	seen.inode = file->f_inode->i_ino;
	seen.pid = number_of(BPF_CORE_READ(task, group_leader));
	seen.fd = ctx->fd;
	fill(&seen, sk);
	bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
