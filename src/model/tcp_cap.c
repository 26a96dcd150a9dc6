/* SPDX-License-Identifier: MIT */
#include "model/tcp_cap.h"

#include "model/tcp.h"

#define QUEUED_RATIO 1.5
#define CWND_USED 0.6
enum { SEGMENTS_LEAST = 4, BYTES_LEAST = 65536, LOST_PERCENT = 1 };

/* It sends to a host that is not near, and has more to send. */
static bool far_sender(const struct tcp_socket *s)
{
	return (s->state == TCP_STATE_ESTABLISHED || s->state == TCP_STATE_CLOSE_WAIT) &&
	       s->loops == 0 && s->min_rtt_ns >= TCP_CAP_RTT_NS && s->send_mss > 0 &&
	       s->send_queue >= (uint64_t)SEGMENTS_LEAST * s->send_mss;
}

bool tcp_cap_may(const struct tcp_socket *s)
{
	return far_sender(s) && (s->rwnd_limited_ns > 0 || s->sndbuf_limited_ns > 0);
}

/*
 * What a reader leaves unread the window lacks, until it reads: it moves by pieces. One that is
 * full size moves by what arrived in between.
 */
static bool steady(const struct tcp_socket *was, const struct tcp_socket *s)
{
	uint64_t a = was->send_window_bytes, b = s->send_window_bytes;
	uint64_t off = a > b ? a - b : b - a, segments = 2 * (uint64_t)s->send_mss;

	return row_has(s->has, TCP_SOCKET_send_window_bytes) &&
	       row_has(was->has, TCP_SOCKET_send_window_bytes) && b > 0 &&
	       off <= (b / 10 > segments ? b / 10 : segments);
}

static bool lossy(const struct model *m, const struct tcp_socket *s)
{
	return model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_total_retransmits) * 100 >
	       model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_segments_out) * LOST_PERCENT;
}

/* What it did during the look. */
struct pace {
	const struct tcp_socket *was;
	double elapsed_ns, bytes, busy_ns, window_ns, buffer_ns;
	double on_its_way; /* bytes, if they take no longer than at best */
};

/* False: it did too little to tell, or paused. */
static bool measure(const struct model *m, const struct tcp_socket *s, struct pace *ret_pace)
{
	struct pace p = { .elapsed_ns = (double)model_elapsed_ns(m, TABLE_tcp_socket) };

	if (p.elapsed_ns < (double)TCP_CAP_LOOK_NS)
		return false;
	p.was = tcp_before(m, s);
	if (!p.was)
		return false;
	p.bytes = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_acked_bytes);
	p.busy_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_busy_ns);
	p.window_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_rwnd_limited_ns);
	p.buffer_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_sndbuf_limited_ns);
	p.on_its_way = p.bytes / p.elapsed_ns * (double)s->min_rtt_ns;
	*ret_pace = p;
	return p.bytes >= BYTES_LEAST && p.busy_ns >= TCP_CAP_BUSY * p.elapsed_ns;
}

static struct tcp_cap cap_of(const struct tcp_socket *s, const struct pace *p)
{
	return (struct tcp_cap){ .bytes_per_s = p->bytes * 1e9 / p->elapsed_ns,
		.rtt_ns = s->min_rtt_ns,
		.busy_ratio = p->busy_ns / p->elapsed_ns };
}

/* A queue on the way: what limits is what it waits for, and more room would lengthen it. */
static bool queues(const struct tcp_socket *s, double ratio)
{
	return (double)s->rtt_ns > ratio * (double)s->min_rtt_ns;
}

struct tcp_cap tcp_cap_of(const struct model *m, const struct tcp_socket *s)
{
	struct tcp_cap none = { .kind = TCP_CAP_NONE }, cap;
	struct pace p;

	if (!tcp_cap_may(s) || queues(s, QUEUED_RATIO) || !measure(m, s, &p) || lossy(m, s))
		return none;
	cap = cap_of(s, &p);
	if (p.window_ns >= p.buffer_ns) {
		cap.kind = TCP_CAP_RECEIVER;
		cap.limited_ratio = p.window_ns / p.busy_ns;
		cap.limit_bytes = s->send_window_bytes;
		/* A window each round trip passes; of a slow reader's, less. */
		if (!steady(p.was, s) || p.on_its_way < 0.5 * (double)s->send_window_bytes)
			return none;
	} else {
		cap.kind = TCP_CAP_SENDER;
		cap.limited_ratio = p.buffer_ns / p.busy_ns;
		cap.limit_bytes = s->send_buffer_bytes;
		/* Still growing, or far from full: half of it is for the kernel's own. */
		if (!row_has(s->has, TCP_SOCKET_send_buffer_bytes) ||
			s->send_buffer_bytes != p.was->send_buffer_bytes ||
			p.on_its_way < 0.2 * (double)s->send_buffer_bytes)
			return none;
	}
	return cap.limited_ratio < TCP_CAP_LIMITED ? none : cap;
}

static bool may_lose(const struct tcp_socket *s)
{
	return far_sender(s) && s->total_retransmits > 0;
}

struct tcp_cap tcp_cap_by_loss(const struct model *m, const struct tcp_socket *s)
{
	struct tcp_cap none = { .kind = TCP_CAP_NONE }, cap;
	struct pace p;

	if (!may_lose(s) || queues(s, TCP_CAP_NO_QUEUE) || !measure(m, s, &p) ||
		queues(p.was, TCP_CAP_NO_QUEUE))
		return none;
	cap = cap_of(s, &p);
	cap.kind = TCP_CAP_LOSS;
	cap.limited_ratio = (p.window_ns + p.buffer_ns) / p.busy_ns;
	cap.lost = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_total_retransmits);
	double sent = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_segments_out);

	cap.lost_ratio = sent > 0 ? cap.lost / sent : 0;
	uint64_t cwnd = s->cwnd > p.was->cwnd ? s->cwnd : p.was->cwnd;

	cap.limit_bytes = cwnd * s->send_mss;
	return sent <= 0 || cap.lost < TCP_CAP_LOST || cap.limited_ratio >= TCP_CAP_LIMITED ||
			       p.on_its_way < CWND_USED * (double)cap.limit_bytes
		       ? none
		       : cap;
}

bool tcp_cap_may_receive(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_ESTABLISHED && s->loops == 0 &&
	       s->min_rtt_ns >= TCP_CAP_RTT_NS && s->received_bytes >= BYTES_LEAST &&
	       s->receive_window_bytes > 0 && s->receive_queue <= s->receive_window_bytes / 4;
}

static bool about(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= b / 10;
}

struct tcp_cap tcp_cap_received(const struct model *m, const struct tcp_socket *s)
{
	struct tcp_cap none = { .kind = TCP_CAP_NONE };
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_tcp_socket);
	const struct tcp_socket *was = tcp_cap_may_receive(s) ? tcp_before(m, s) : NULL;

	if (!was || elapsed_ns < (double)TCP_CAP_LOOK_NS ||
		!about(was->receive_window_bytes, s->receive_window_bytes) ||
		was->receive_buffer_bytes != s->receive_buffer_bytes)
		return none;
	double bytes = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_received_bytes);
	double filled =
		bytes / elapsed_ns * (double)s->min_rtt_ns / (double)s->receive_window_bytes;

	if (bytes < BYTES_LEAST || filled < TCP_CAP_FILLED)
		return none;
	return (struct tcp_cap){ .kind = TCP_CAP_OURS,
		.bytes_per_s = bytes * 1e9 / elapsed_ns,
		.rtt_ns = s->min_rtt_ns,
		.limit_bytes = s->receive_window_bytes,
		.limited_ratio = filled };
}
