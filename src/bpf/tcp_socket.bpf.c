/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The TCP sockets of a network namespace, as sock_diag tells them and with the options that it does
 * not tell (net/ipv4/tcp_ipv4.c, bpf_iter_tcp; since 5.9). What each number is stands in
 * net/ipv4/tcp.c, tcp_get_info(), and net/ipv4/inet_diag.c, inet_sk_diag_fill().
 */
#include "bpf/tcp_socket.h"
#include "bpf/task.bpf.h"

#include <stdbool.h>

enum { FAMILY_INET = 2, ESTABLISHED = 1, SYN_RECV = 3, TIME_WAIT = 6, LISTEN = 10 };
enum { PENDING_RETRANS = 1, PENDING_PROBE0 = 3, PENDING_LOSS_PROBE = 5, PENDING_REO = 6 };
enum { TIMER_RETRANSMIT = 1, TIMER_KEEPALIVE, TIMER_TIME_WAIT, TIMER_PROBE };

struct hlist_node {
	struct hlist_node **pprev;
} CORE;

struct timer_list {
	struct hlist_node entry;
	unsigned long expires;
} CORE;

struct in6_addr {
	unsigned char bytes[16];
};

struct sock_common {
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	unsigned long skc_flags;
} CORE;

/* Only its number matters, and the kernel tells that. */
enum sock_flags { SOCK_KEEPOPEN = 3 };

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

typedef struct {
	__u32 val;
} kuid_t;

struct socket;

struct sock {
	struct sock_common __sk_common;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	int sk_rcvbuf, sk_sndbuf, sk_wmem_queued;
	atomic_t sk_drops;
	refcount_t sk_wmem_alloc;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
	struct timer_list sk_timer;
	kuid_t sk_uid;
	int sk_err, sk_err_soft;
	__u8 sk_shutdown;
	struct socket *sk_socket;
} CORE;

struct inode {
	unsigned long i_ino;
} CORE;

struct socket_alloc {
	struct inode vfs_inode;
} CORE;

struct inet_connection_sock {
	unsigned long icsk_timeout; /* before 6.15 */
	struct timer_list icsk_retransmit_timer;
	__u32 icsk_rto, icsk_user_timeout, icsk_pmtu_cookie;
	__u8 icsk_retransmits, icsk_backoff, icsk_pending, icsk_probes_out, icsk_syn_retries;
	struct {
		__u32 lrcvtime;
		__u16 rcv_mss;
	} icsk_ack;
} CORE;

/* The keepalive timer has a home of its own since 6.19. */
struct inet_connection_sock___keepalive {
	struct timer_list icsk_keepalive_timer;
} CORE;

struct minmax {
	struct {
		__u32 t, v;
	} s[3];
} CORE;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 write_seq, snd_nxt, snd_una, snd_wnd, snd_cwnd, copied_seq, rcv_nxt, rcv_wnd;
	__u32 packets_out, lost_out, sacked_out, mss_cache, srtt_us;
	__u32 lsndtime, rcv_tstamp, retrans_stamp;
	__u32 total_retrans, segs_out;
	__u64 bytes_acked, bytes_received, bytes_retrans;
	__u32 chrono_start, chrono_stat[3];
	__u8 chrono_type : 2;
	__u32 rate_delivered, rate_interval_us;
	__u32 keepalive_time, keepalive_intvl;
	__u8 keepalive_probes;
	__u8 nonagle : 4;
	int linger2;
	struct minmax rtt_min;
} CORE;

/* Since 6.7. */
struct tcp_sock___usec {
	__u8 tcp_usec_ts : 1;
} CORE;

struct inet_timewait_sock {
	struct sock_common __tw_common;
	volatile unsigned char tw_substate;
	struct timer_list tw_timer;
} CORE;

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
} CORE;

struct request_sock {
	struct sock_common __req_common;
	__u8 num_retrans : 7;
	struct timer_list rsk_timer;
} CORE;

struct inet_request_sock {
	struct request_sock req;
} CORE;

struct tcp_request_sock {
	struct inet_request_sock req;
} CORE;

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
} CORE;

static __always_inline void take_addresses(struct sock_common *c, struct tcp_seen *to)
{
	to->family = (__u8)c->skc_family;
	to->local_port = c->skc_num;
	to->peer_port = __builtin_bswap16(c->skc_dport);
	if (c->skc_family == FAMILY_INET) {
		__builtin_memcpy(to->local, &(__u32){ c->skc_rcv_saddr }, 4);
		__builtin_memcpy(to->peer, &(__u32){ c->skc_daddr }, 4);
	} else {
		bpf_probe_read_kernel(to->local, sizeof(to->local), &c->skc_v6_rcv_saddr);
		bpf_probe_read_kernel(to->peer, sizeof(to->peer), &c->skc_v6_daddr);
	}
}

static __always_inline void take_keepalive_timer(struct tcp_sock *tp, struct tcp_seen *to)
{
	struct inet_connection_sock___keepalive *own = (void *)&tp->inet_conn;
	struct sock *sk = (struct sock *)tp;
	struct hlist_node **pending;
	unsigned long expires;

	if (bpf_core_field_exists(own->icsk_keepalive_timer)) {
		pending = BPF_CORE_READ(own, icsk_keepalive_timer.entry.pprev);
		expires = BPF_CORE_READ(own, icsk_keepalive_timer.expires);
	} else {
		pending = BPF_CORE_READ(sk, sk_timer.entry.pprev);
		expires = BPF_CORE_READ(sk, sk_timer.expires);
	}
	if (!pending)
		return;
	to->timer = TIMER_KEEPALIVE;
	to->timer_retransmits = to->probes;
	to->expires = expires;
}

static __always_inline void take_timer(struct tcp_sock *tp, struct tcp_seen *to)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	__u8 pending = icsk->icsk_pending;

	if (pending == PENDING_RETRANS || pending == PENDING_REO || pending == PENDING_LOSS_PROBE) {
		to->timer = TIMER_RETRANSMIT;
		to->timer_retransmits = to->retransmits;
	} else if (pending == PENDING_PROBE0) {
		to->timer = TIMER_PROBE;
		to->timer_retransmits = to->probes;
	} else {
		take_keepalive_timer(tp, to);
		return;
	}
	if (bpf_core_field_exists(icsk->icsk_timeout))
		to->expires = icsk->icsk_timeout;
	else
		to->expires = icsk->icsk_retransmit_timer.expires;
}

static __always_inline void take_queues(struct tcp_sock *tp, struct tcp_seen *to)
{
	struct sock *sk = (struct sock *)tp;

	if (to->state == LISTEN) {
		to->receive_queue = sk->sk_ack_backlog;
		to->send_queue = sk->sk_max_ack_backlog;
		return;
	}
	__s32 unread = (__s32)(tp->rcv_nxt - tp->copied_seq);
	__s32 unsent = (__s32)(tp->write_seq - tp->snd_nxt);

	to->receive_queue = unread > 0 ? unread : 0;
	to->send_queue = tp->write_seq - tp->snd_una;
	to->notsent = unsent > 0 ? unsent : 0;
}

static __always_inline void take_info(struct tcp_sock *tp, struct tcp_seen *to)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;

	to->retransmits = icsk->icsk_retransmits;
	to->probes = icsk->icsk_probes_out;
	to->backoff = icsk->icsk_backoff;
	to->unacked = tp->packets_out;
	to->lost = tp->lost_out;
	to->sacked = tp->sacked_out;
	to->path_mtu = icsk->icsk_pmtu_cookie;
	to->cwnd = tp->snd_cwnd;
	to->send_mss = tp->mss_cache;
	to->receive_mss = icsk->icsk_ack.rcv_mss;
	to->last_sent = tp->lsndtime;
	to->last_received = icsk->icsk_ack.lrcvtime;
	to->last_ack = tp->rcv_tstamp;
	to->rto = icsk->icsk_rto;
	to->srtt = tp->srtt_us;
	to->min_rtt = tp->rtt_min.s[0].v;
	to->send_window = tp->snd_wnd;
	to->receive_window = tp->rcv_wnd;
	to->total_retrans = tp->total_retrans;
	to->segments_out = tp->segs_out;
	to->bytes_acked = tp->bytes_acked;
	to->bytes_received = tp->bytes_received;
	to->bytes_retrans = tp->bytes_retrans;
	to->chrono[0] = tp->chrono_stat[0];
	to->chrono[1] = tp->chrono_stat[1];
	to->chrono[2] = tp->chrono_stat[2];
	to->chrono_start = tp->chrono_start;
	to->chrono_type = BPF_CORE_READ_BITFIELD(tp, chrono_type);
	to->rate_delivered = tp->rate_delivered;
	to->rate_interval_us = tp->rate_interval_us;
}

static __always_inline void take_options(struct tcp_sock *tp, struct tcp_seen *to)
{
	struct inet_connection_sock *icsk = &tp->inet_conn;
	struct tcp_sock___usec *stamps = (void *)tp;
	struct sock *sk = (struct sock *)tp;

	to->keepopen =
		sk->__sk_common.skc_flags >> bpf_core_enum_value(enum sock_flags, SOCK_KEEPOPEN) &
		1;
	to->keepalive_time = tp->keepalive_time;
	to->keepalive_interval = tp->keepalive_intvl;
	to->keepalive_probes = tp->keepalive_probes;
	to->user_timeout_ms = icsk->icsk_user_timeout;
	to->syn_retries = icsk->icsk_syn_retries;
	to->nonagle = BPF_CORE_READ_BITFIELD(tp, nonagle);
	to->linger2 = tp->linger2;
	to->error = sk->sk_err;
	to->soft_error = sk->sk_err_soft;
	to->shutdown = sk->sk_shutdown;
	to->send_next = tp->snd_nxt;
	to->receive_next = tp->rcv_nxt;
	to->retrans_stamp = tp->retrans_stamp;
	if (bpf_core_field_exists(stamps->tcp_usec_ts))
		to->usec_stamps = BPF_CORE_READ_BITFIELD_PROBED(stamps, tcp_usec_ts);
}

static __always_inline void take_memory(struct sock *sk, struct tcp_seen *to)
{
	to->receive_memory = sk->sk_backlog.rmem_alloc.counter;
	to->receive_buffer = sk->sk_rcvbuf;
	to->send_memory = sk->sk_wmem_queued;
	to->send_buffer = sk->sk_sndbuf;
	/* The socket's own reference is one of them: sk_wmem_alloc_get(). */
	to->queued = bpf_core_field_exists(sk->sk_wmem_alloc.refs)
			     ? sk->sk_wmem_alloc.refs.counter - 1
			     : -1;
	to->drops = sk->sk_drops.counter;
}

static __always_inline void take_full(struct tcp_sock *tp, struct tcp_seen *to)
{
	struct sock *sk = (struct sock *)tp;
	struct socket_alloc *both = (struct socket_alloc *)sk->sk_socket;

	to->state = sk->__sk_common.skc_state;
	if (both)
		to->inode = BPF_CORE_READ(both, vfs_inode.i_ino);
	/* An orphan has its user, too; sock_diag says so since 6.17. */
	to->uid = sk->sk_uid.val;
	take_queues(tp, to);
	take_memory(sk, to);
	take_info(tp, to);
	take_options(tp, to);
	take_timer(tp, to);
}

static __always_inline bool take_time_wait(struct sock_common *c, struct tcp_seen *to)
{
	struct tcp_timewait_sock *tw = bpf_skc_to_tcp_timewait_sock(c);

	if (!tw)
		return false;
	to->kind = TCP_SEEN_TIME_WAIT;
	to->state = tw->tw_sk.tw_substate;
	to->timer = TIMER_TIME_WAIT;
	to->expires = tw->tw_sk.tw_timer.expires;
	return true;
}

static __always_inline bool take_request(struct sock_common *c, struct tcp_seen *to)
{
	struct tcp_request_sock *req = bpf_skc_to_tcp_request_sock(c);

	if (!req)
		return false;
	to->kind = TCP_SEEN_REQUEST;
	to->state = SYN_RECV;
	to->timer = TIMER_RETRANSMIT;
	to->timer_retransmits = BPF_CORE_READ_BITFIELD(&req->req.req, num_retrans);
	to->expires = req->req.req.rsk_timer.expires;
	return true;
}

/*
 * Of healthy sockets so many are told whole; of more, where nothing is on its way and all is
 * recent, only the number: to read one whole takes fifteen cache lines, to see that it is quiet
 * takes seven.
 */
__u32 spare = 0xffffffff;
__u32 recent; /* ticks; below the time after which silence alone is worth a word */
__u64 quiet[TCP_QUIET_STATES];

/* Whatever is judged of a socket (need.verdict), with all this it has to be healthy. */
static __always_inline bool is_quiet(struct tcp_sock *tp, __u32 now)
{
	struct sock *sk = (struct sock *)tp;

	return sk->__sk_common.skc_state == ESTABLISHED && sk->sk_socket &&
	       tp->write_seq == tp->snd_una && tp->rcv_nxt == tp->copied_seq &&
	       tp->inet_conn.icsk_probes_out == 0 && tp->total_retrans == 0 &&
	       now - tp->rcv_tstamp < recent;
}

/* Not one that is in FIN_WAIT2 there: those are told. */
static __always_inline bool is_time_wait(struct sock_common *c)
{
	struct tcp_timewait_sock *tw = bpf_skc_to_tcp_timewait_sock(c);

	return tw && tw->tw_sk.tw_substate == TIME_WAIT;
}

/* True: it was counted, there is no more to tell. */
static __always_inline bool count_quiet(struct sock_common *c, struct tcp_sock *tp, __u32 now)
{
	if (tp ? !is_quiet(tp, now) : !is_time_wait(c))
		return false;
	if (spare > 0) {
		spare--;
		return false;
	}
	quiet[tp ? ESTABLISHED : TIME_WAIT]++;
	return true;
}

/* Too large for the stack. Only one process, the one that loaded this, walks. */
static struct tcp_seen seen;

SEC("iter/tcp")
int tcp_socket(struct bpf_iter__tcp *ctx)
{
	struct sock_common *c = ctx->sk_common;
	__u64 now_ns;

	if (!c)
		return 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(c);
	__u32 now = (__u32)bpf_jiffies64();

	if (recent > 0 && count_quiet(c, tp, now))
		return 0;
	__builtin_memset(&seen, 0, sizeof(seen));
	now_ns = bpf_ktime_get_ns();
	seen.jiffies = now;
	seen.now_ms = (__u32)(now_ns / 1000000);
	seen.now_us = (__u32)(now_ns / 1000);
	take_addresses(c, &seen);
	if (tp)
		take_full(tp, &seen);
	else if (!take_time_wait(c, &seen) && !take_request(c, &seen))
		return 0;
	seen.cookie = bpf_get_socket_cookie(c);
	bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
