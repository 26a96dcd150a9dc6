/* SPDX-License-Identifier: MIT */
#include "source/tcp_seen.h"

#include <string.h>
#include <sys/socket.h>

/* One socket, and what its ticks are. */
struct seen {
	const struct tcp_seen *of;
	struct tcp_socket *row;
	uint64_t tick_ns;
};

static uint64_t ns_of(const struct seen *s, uint64_t ticks)
{
	return ticks * s->tick_ns;
}

static uint64_t since(const struct seen *s, uint32_t then)
{
	return ns_of(s, s->of->jiffies - then);
}

#define PUT(s, column, value)                                 \
	do {                                                  \
		(s)->row->column = (value);                   \
		row_set(&(s)->row->has, TCP_SOCKET_##column); \
	} while (0)

static void take_identity(const struct seen *s)
{
	PUT(s, cookie, s->of->cookie);
	PUT(s, inode, s->of->inode);
	PUT(s, state, s->of->state);
	PUT(s, family, s->of->family);
	PUT(s, local_port, s->of->local_port);
	PUT(s, peer_port, s->of->peer_port);
	PUT(s, uid, s->of->uid);
	PUT(s, receive_queue, s->of->receive_queue);
	PUT(s, send_queue, s->of->send_queue);
	PUT(s, timer, s->of->timer);
	PUT(s, timer_retransmits, s->of->timer_retransmits);
	if (s->of->timer) {
		int32_t left = (int32_t)((uint32_t)s->of->expires - s->of->jiffies);

		PUT(s, timer_ns, ns_of(s, left > 0 ? (uint32_t)left : 0));
	}
	if (s->of->state != TCP_STATE_LISTEN)
		PUT(s, loops, tcp_diag_loops(s->of->family, s->of->local, s->of->peer));
}

/* net/ipv4/tcp.c, tcp_get_info_chrono_stats(): what runs counts up to now. */
static void take_chrono(const struct seen *s)
{
	uint64_t stat[3], total = 0;

	for (unsigned int i = 0; i < 3; i++) {
		stat[i] = s->of->chrono[i];
		if (s->of->chrono_type == i + 1)
			stat[i] += s->of->jiffies - s->of->chrono_start;
		total += stat[i];
	}
	PUT(s, busy_ns, ns_of(s, total));
	PUT(s, rwnd_limited_ns, ns_of(s, stat[1]));
	PUT(s, sndbuf_limited_ns, ns_of(s, stat[2]));
}

static void take_info(const struct seen *s)
{
	const struct tcp_seen *of = s->of;

	PUT(s, retransmits, of->retransmits);
	PUT(s, probes, of->probes);
	PUT(s, backoff, of->backoff);
	PUT(s, unacked, of->unacked);
	PUT(s, lost, of->lost);
	PUT(s, sacked, of->sacked);
	PUT(s, path_mtu_bytes, of->path_mtu);
	PUT(s, cwnd, of->cwnd);
	PUT(s, send_mss, of->send_mss);
	PUT(s, receive_mss, of->receive_mss);
	PUT(s, last_sent_ns, since(s, of->last_sent));
	PUT(s, last_received_ns, since(s, of->last_received));
	PUT(s, last_ack_ns, since(s, of->last_ack));
	PUT(s, rto_ns, ns_of(s, of->rto));
	PUT(s, rtt_ns, (uint64_t)(of->srtt >> 3) * 1000);
	if (of->min_rtt != UINT32_MAX)
		PUT(s, min_rtt_ns, (uint64_t)of->min_rtt * 1000);
	PUT(s, notsent_bytes, of->notsent);
	PUT(s, send_window_bytes, of->send_window);
	PUT(s, receive_window_bytes, of->receive_window);
	PUT(s, acked_bytes, of->bytes_acked);
	PUT(s, received_bytes, of->bytes_received);
	PUT(s, retransmitted_bytes, of->bytes_retrans);
	PUT(s, total_retransmits, of->total_retrans);
	PUT(s, segments_out, of->segments_out);
	PUT(s, delivery_bytes_per_s,
		of->rate_interval_us ? (uint64_t)of->rate_delivered * of->send_mss * 1000000 /
					       of->rate_interval_us
				     : 0);
	take_chrono(s);
}

static void take_memory(const struct seen *s)
{
	PUT(s, receive_memory_bytes, s->of->receive_memory);
	PUT(s, receive_buffer_bytes, s->of->receive_buffer);
	PUT(s, send_memory_bytes, s->of->send_memory);
	if (s->of->queued >= 0)
		PUT(s, queued_bytes, (uint64_t)s->of->queued);
	PUT(s, send_buffer_bytes, s->of->send_buffer);
	PUT(s, drops, s->of->drops);
}

static void take_options(const struct seen *s)
{
	const struct tcp_seen *of = s->of;

	PUT(s, keepalive, of->keepopen);
	PUT(s, keepalive_idle_ns, ns_of(s, of->keepalive_time));
	PUT(s, keepalive_interval_ns, ns_of(s, of->keepalive_interval));
	PUT(s, keepalive_probes, of->keepalive_probes);
	PUT(s, user_timeout_ns, (uint64_t)of->user_timeout_ms * 1000000);
	PUT(s, nonagle, of->nonagle);
	PUT(s, syn_retries, of->syn_retries);
	PUT(s, linger2_ns, of->linger2 < 0 ? UINT64_MAX : ns_of(s, (uint32_t)of->linger2));
	PUT(s, error, of->error);
	PUT(s, soft_error, of->soft_error);
	PUT(s, shutdown, of->shutdown);
}

/* Where it is in its stream, and since when it tries: a listener is nowhere. */
static void take_sequence(const struct seen *s)
{
	const struct tcp_seen *of = s->of;

	PUT(s, send_next, of->send_next);
	PUT(s, receive_next, of->receive_next);
	if (of->retrans_stamp)
		PUT(s, trying_ns,
			of->usec_stamps ? (uint64_t)(of->now_us - of->retrans_stamp) * 1000
					: (uint64_t)(of->now_ms - of->retrans_stamp) * 1000000);
}

bool tcp_seen_decode(const struct tcp_seen *seen, uint64_t tick_ns, struct tcp_diag *ret_diag)
{
	struct seen s = { .of = seen, .row = &ret_diag->row, .tick_ns = tick_ns };

	if (seen->state >= TCP_STATES || (seen->family != AF_INET && seen->family != AF_INET6))
		return false;
	ret_diag->row.has = 0;
	ret_diag->interrupted = false;
	memcpy(ret_diag->local, seen->local, sizeof(ret_diag->local));
	memcpy(ret_diag->peer, seen->peer, sizeof(ret_diag->peer));
	take_identity(&s);
	if (seen->kind != TCP_SEEN_FULL)
		return true;
	take_memory(&s);
	take_options(&s);
	if (seen->state == TCP_STATE_LISTEN)
		return true;
	take_info(&s);
	take_sequence(&s);
	return true;
}
