/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which sends does Nagle's algorithm hold back, for how long, and whose delayed ACK lets them go?
 *
 *	send     left less than a segment unsent, although both windows have room: a hold begins
 *	ACK      of all that was sent: it ends
 *	timer    of a delayed ACK of the other end, where that is on this host
 *
 * Sends are seen by the tracepoint sock_send_length, which some kernels lack (6.1), or else at the
 * end of tcp_sendmsg_locked(), for which other kernels give no leave: user space chooses.
 */
#include "bpf/nagle.h"
#include "bpf/task.bpf.h"

#include <stdbool.h>
#include <stddef.h>

enum { FAMILY_INET = 2, TYPE_STREAM = 1, PROTOCOL_TCP = 6, ACK_TIMER = 2 };

struct timer_list {
	void (*function)(struct timer_list *);
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
	__u16 skc_dport, skc_num;
	unsigned short skc_family;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	struct {
		struct net *net;
	} skc_net;
} CORE;

struct socket;
struct bpf_local_storage;

struct sock {
	struct sock_common __sk_common;
	struct bpf_local_storage *sk_bpf_storage;
	__u16 sk_type, sk_protocol;
	struct socket *sk_socket;
} CORE;

struct inode {
	unsigned long i_ino;
} CORE;

struct socket_alloc {
	struct inode vfs_inode;
} CORE;

struct inet_connection_sock {
	struct timer_list icsk_delack_timer;
	struct {
		__u8 pending;
	} icsk_ack;
} CORE;

struct minmax {
	struct {
		__u32 t, v;
	} s[3];
} CORE;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 write_seq, snd_nxt, snd_una, snd_sml, snd_wnd, snd_cwnd;
	__u32 packets_out, mss_cache, rcv_nxt, lsndtime;
	__u8 nonagle : 4;
	struct minmax rtt_min;
} CORE;

struct tcp_skb_cb {
	__u32 seq, end_seq, ack_seq;
} CORE;

struct msghdr;

struct sk_buff {
	char cb[48];
} CORE;

/* A socket of which something was held once. */
struct hold {
	__u64 since_ns; /* 0: nothing is held now */
	__u64 cookie;
	__u64 sends;
	__u32 next;     /* snd_nxt: when it moves otherwise, the hold ended by itself */
	__u32 received; /* rcv_nxt when the hold began, and when a stall had ended */
	__u64 since_ticks;
	__u32 sent_bytes, held_bytes, pid;
	__u32 stalled; /* nothing was sent since */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hold);
} hold SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NAGLE_CONNECTIONS_MAX);
	__type(key, __u64);
	__type(value, struct nagle_seen);
} seen SEC(".maps");

/* When the timer of a connection's delayed ACK fired last, by how the other end sees it. */
struct acker {
	__u64 at_ns, inode;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, NAGLE_CONNECTIONS_MAX);
	__type(key, struct nagle_flow);
	__type(value, struct acker);
} acker SEC(".maps");

/* Sends over TCP that were seen; of each CPU, so that none waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} watched SEC(".maps");

__u64 lost; /* connections for which there was no room */

/* Set by user space: what still runs counts no more. */
bool ended;

/* A send was held: user space has ACKs watched from then on. Most hosts hold none. */
bool held;

/* Of murphy: set by nagle_self. */
static __u32 own_level;
static __u64 own_pid_ns;
/* Not in every kernel's symbols, but in each TCP socket. */
static __u64 delack_timer;

SEC("syscall")
int nagle_self(void *ctx)
{
	struct task_struct *self = (struct task_struct *)bpf_get_current_task();
	__u64 ns = 0;

	own_level = BPF_CORE_READ(self, thread_pid, level);
	bpf_probe_read_kernel(
		&ns, sizeof(ns), upid_of(self, own_level) + bpf_core_field_offset(struct upid, ns));
	own_pid_ns = ns;
	return 0;
}

/* 0: murphy's pid namespace has no number for it. */
static __u32 writer(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	const char *upid = upid_of(leader, own_level);
	__u64 ns = 0;

	if (BPF_CORE_READ(leader, thread_pid, level) < own_level)
		return 0;
	bpf_probe_read_kernel(&ns, sizeof(ns), upid + bpf_core_field_offset(struct upid, ns));
	return ns == own_pid_ns ? upid_number(upid) : 0;
}

static __u64 inode_of(struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct socket_alloc *both = (struct socket_alloc *)socket;

	return socket ? BPF_CORE_READ(both, vfs_inode.i_ino) : 0;
}

static void mapped(unsigned char to[16], __u32 address)
{
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, sizeof(address));
}

/* Its own view, or that of the other end. to is zero. */
static void flow_of(struct sock *sk, struct nagle_flow *to, int other_end)
{
	unsigned char *local = other_end ? to->peer : to->local;
	unsigned char *peer = other_end ? to->local : to->peer;
	__u16 ours = BPF_CORE_READ(sk, __sk_common.skc_num);
	__u16 theirs = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == FAMILY_INET) {
		mapped(local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		mapped(peer, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else {
		BPF_CORE_READ_INTO(local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(peer, sk, __sk_common.skc_v6_daddr);
	}
	to->local_port = other_end ? theirs : ours;
	to->peer_port = other_end ? ours : theirs;
}

static struct nagle_seen *seen_of(struct sock *sk, __u64 cookie)
{
	struct nagle_seen *have = bpf_map_lookup_elem(&seen, &cookie);
	struct nagle_seen new = { 0 };

	if (have)
		return have;
	flow_of(sk, &new.flow, 0);
	new.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	new.inode = inode_of(sk);
	if (bpf_map_update_elem(&seen, &cookie, &new, BPF_NOEXIST) < 0) {
		have = bpf_map_lookup_elem(&seen, &cookie);
		if (!have)
			__sync_fetch_and_add(&lost, 1);
		return have;
	}
	return bpf_map_lookup_elem(&seen, &cookie);
}

/* Most sockets have none: to see that costs a twentieth of asking the helper. */
static struct hold *hold_of(struct sock *sk)
{
	return sk->sk_bpf_storage ? bpf_sk_storage_get(&hold, sk, 0, 0) : NULL;
}

/* The first send after a stall: did the peer say something in between? Then this was a dialogue. */
static void settle(struct hold *h, __u32 received)
{
	struct nagle_seen *to = bpf_map_lookup_elem(&seen, &h->cookie);

	h->stalled = 0;
	if (to && received != h->received)
		to->answered++;
}

/* Is what was just written held back by Nagle's rule, as Minshall put it, and by nothing else? */
static int is_held(struct tcp_sock *tp, __u32 waiting)
{
	__u32 out = tp->packets_out;

	if (waiting == 0 || out == 0 || waiting >= tp->mss_cache || out >= tp->snd_cwnd)
		return 0;
	if ((__s32)(tp->snd_sml - tp->snd_una) <= 0 ||
		(__s32)(tp->snd_una + tp->snd_wnd - tp->write_seq) < 0)
		return 0;
	return BPF_CORE_READ_BITFIELD(tp, nonagle) == 0; /* not off, and not corked on purpose */
}

static void count_send(void)
{
	__u32 first = 0;
	__u64 *n = bpf_map_lookup_elem(&watched, &first);

	if (n)
		++*n;
}

static int sent(struct sock *sk, int n)
{
	if (ended || n <= 0 || !sk || sk->sk_protocol != PROTOCOL_TCP || sk->sk_type != TYPE_STREAM)
		return 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!tp)
		return 0;
	count_send();
	struct hold *h = hold_of(sk);
	__u32 waiting = tp->write_seq - tp->snd_nxt;

	if (h) {
		h->sends++;
		if (h->stalled)
			settle(h, tp->rcv_nxt);
	}
	if (!is_held(tp, waiting)) {
		/* Filled up to a segment by now, or let go: not by an ACK. */
		if (h && waiting == 0)
			h->since_ns = 0;
		return 0;
	}
	if (!h)
		h = bpf_sk_storage_get(&hold, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!h)
		return 0;
	if (!held)
		held = true;
	if (!delack_timer)
		delack_timer = (__u64)tp->inet_conn.icsk_delack_timer.function;
	if (h->since_ns == 0 || h->next != tp->snd_nxt) {
		h->next = tp->snd_nxt;
		h->sent_bytes = tp->snd_nxt - tp->snd_una;
		h->pid = writer();
		h->cookie = bpf_get_socket_cookie(sk);
		h->sends += h->sends == 0;
		h->received = tp->rcv_nxt;
		h->since_ticks = bpf_jiffies64();
		h->since_ns = bpf_ktime_get_ns();
	}
	h->held_bytes = waiting;
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(nagle_send, struct sock *sk, int n)
{
	return sent(sk, n);
}

SEC("?fexit/tcp_sendmsg_locked")
int BPF_PROG(nagle_send_exit, struct sock *sk, struct msghdr *msg, unsigned long size, int n)
{
	return sent(sk, n);
}

static void count(struct sock *sk, struct hold *h, __u64 began_ns, __u64 held_ns, int stalled)
{
	struct nagle_seen *to = seen_of(sk, h->cookie);

	if (!to)
		return;
	to->pid = h->pid;
	to->sends = h->sends;
	to->sent_bytes = h->sent_bytes;
	to->held_bytes = h->held_bytes;
	to->holds++;
	to->held_ns += held_ns;
	if (held_ns > to->longest_ns)
		to->longest_ns = held_ns;
	if (!stalled)
		return;
	to->stalls++;
	to->stalled_ns += held_ns;
	struct acker *by = bpf_map_lookup_elem(&acker, &to->flow);

	if (by && by->at_ns >= began_ns) {
		to->delayed_acks++;
		to->acker_inode = by->inode;
	}
}

/* Longer than anything but a delayed ACK takes. */
static int is_stall(struct tcp_sock *tp, __u64 held_ns)
{
	__u64 round_trip_ns = (__u64)tp->rtt_min.s[0].v * 1000;

	return held_ns >= round_trip_ns + NAGLE_STALL_NS;
}

/*
 * What was held has gone without an ACK that was seen: now and then a packet passes the tracepoint
 * unseen (one of 400 that let go, Linux 6.18). The kernel notes when it sent last, in ticks.
 */
static void ended_unseen(struct sock *sk, struct tcp_sock *tp, struct hold *h, __u64 began_ns)
{
	__u64 now_ticks = bpf_jiffies64() - h->since_ticks;
	__u32 held_ticks = tp->lsndtime - (__u32)h->since_ticks;

	if (tp->write_seq != tp->snd_nxt || now_ticks == 0 || held_ticks > now_ticks)
		return;
	__u64 held_ns = (bpf_ktime_get_ns() - began_ns) * held_ticks / now_ticks;
	/* Had it been an answer, there were more data. */
	int bare = tp->rcv_nxt == h->received;

	if (held_ns < NAGLE_HOLD_NS)
		return;
	h->stalled = bare && is_stall(tp, held_ns);
	h->received = tp->rcv_nxt;
	count(sk, h, began_ns, held_ns, h->stalled);
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(nagle_ack, struct sock *sk, struct sk_buff *skb)
{
	struct hold *h = ended ? NULL : hold_of(sk);

	if (!h || h->since_ns == 0)
		return 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!tp)
		return 0;
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)skb->cb;
	__u64 began_ns = h->since_ns;

	if (tp->write_seq == tp->snd_nxt || h->next != tp->snd_nxt) {
		h->since_ns = 0;
		ended_unseen(sk, tp, h, began_ns);
		return 0;
	}
	if ((__s32)(BPF_CORE_READ(cb, ack_seq) - tp->snd_sml) < 0)
		return 0;
	__u64 held_ns = bpf_ktime_get_ns() - began_ns;

	h->since_ns = 0;
	if (held_ns < NAGLE_HOLD_NS)
		return 0;
	/* With data it is an answer, which takes as long as the peer likes. */
	int bare = BPF_CORE_READ(cb, seq) == BPF_CORE_READ(cb, end_seq);

	h->stalled = bare && is_stall(tp, held_ns);
	h->received = tp->rcv_nxt;
	count(sk, h, began_ns, held_ns, h->stalled);
	return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(nagle_timer, struct timer_list *timer)
{
	struct nagle_flow flow = { 0 };
	struct acker now = { 0 };

	if (!delack_timer || (__u64)timer->function != delack_timer)
		return 0;
	struct inet_connection_sock *owner =
		(void *)timer -
		bpf_core_field_offset(struct inet_connection_sock, icsk_delack_timer);

	if (!(BPF_CORE_READ(owner, icsk_ack.pending) & ACK_TIMER))
		return 0;
	flow_of((struct sock *)owner, &flow, 1);
	now.at_ns = bpf_ktime_get_ns();
	now.inode = inode_of((struct sock *)owner);
	bpf_map_update_elem(&acker, &flow, &now, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
