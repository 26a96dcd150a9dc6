/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What tcp_socket.bpf.c writes and source/tcp_bpf.c reads. */
#ifndef MURPHY_BPF_TCP_SOCKET_H
#define MURPHY_BPF_TCP_SOCKET_H

enum { TCP_QUIET_STATES = 16 };

enum tcp_seen_kind { TCP_SEEN_FULL, TCP_SEEN_TIME_WAIT, TCP_SEEN_REQUEST };

/* A socket as the kernel has it: times in its own ticks, which user space knows the length of. */
struct tcp_seen {
	unsigned long long cookie, inode;
	unsigned long long expires; /* of its timer, jiffies; only with timer */
	unsigned long long bytes_acked, bytes_received, bytes_retrans;
	unsigned char local[16], peer[16]; /* IPv4: the first four bytes */
	unsigned short local_port, peer_port;
	unsigned char kind, family, state;
	unsigned char timer, timer_retransmits; /* as inet_diag has them */
	unsigned char retransmits, probes, backoff;
	unsigned char nonagle, keepopen, keepalive_probes, syn_retries, shutdown;
	unsigned char usec_stamps;   /* of retrans_stamp */
	unsigned int jiffies;        /* when it was read, as tcp_jiffies32 */
	unsigned int now_ms, now_us; /* the same moment, as tcp_clock */
	unsigned int uid;
	unsigned int receive_queue, send_queue, unacked, lost, cwnd;
	unsigned int send_mss, receive_mss, notsent;
	unsigned int last_sent, last_received, last_ack; /* jiffies */
	unsigned int rto, srtt, min_rtt;                 /* jiffies, us << 3, us */
	unsigned int send_window, receive_window;
	unsigned int total_retrans, segments_out;
	unsigned int chrono[3], chrono_type, chrono_start; /* jiffies */
	unsigned int rate_delivered, rate_interval_us;
	unsigned int receive_memory, receive_buffer, send_memory, send_buffer, drops;
	unsigned int keepalive_time, keepalive_interval; /* jiffies */
	unsigned int user_timeout_ms;
	int linger2; /* jiffies */
	unsigned int error;
	unsigned int send_next, receive_next, retrans_stamp;
	unsigned int soft_error;
	unsigned int sacked, path_mtu;
	int queued; /* -1: not known */
};

#endif
