/* SPDX-License-Identifier: MIT */
#include "model/tcp_cap.h"

#include "model/tcp.h"

#define QUEUED_RATIO 1.5
enum { SEGMENTS_LEAST = 4, BYTES_LEAST = 65536, LOST_PERCENT = 1 };

bool tcp_cap_may(const struct tcp_socket *s)
{
	return (s->state == TCP_STATE_ESTABLISHED || s->state == TCP_STATE_CLOSE_WAIT) &&
	       s->loops == 0 && s->min_rtt_ns >= TCP_CAP_RTT_NS && s->send_mss > 0 &&
	       s->send_queue >= (uint64_t)SEGMENTS_LEAST * s->send_mss &&
	       (s->rwnd_limited_ns > 0 || s->sndbuf_limited_ns > 0);
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

struct tcp_cap tcp_cap_of(const struct model *m, const struct tcp_socket *s)
{
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_tcp_socket);
	struct tcp_cap none = { .kind = TCP_CAP_NONE }, cap = { .rtt_ns = s->min_rtt_ns };
	const struct tcp_socket *was = tcp_cap_may(s) ? tcp_before(m, s) : NULL;

	if (!was || elapsed_ns < (double)TCP_CAP_LOOK_NS || lossy(m, s))
		return none;
	double bytes = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_acked_bytes);
	double busy_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_busy_ns);
	double window_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_rwnd_limited_ns);
	double buffer_ns = model_grown(m, TABLE_tcp_socket, s, TCP_SOCKET_sndbuf_limited_ns);
	double on_its_way = bytes / elapsed_ns * (double)s->min_rtt_ns;

	/* A queue on the way: what limits is what it waits for, and more room would lengthen it. */
	if ((double)s->rtt_ns > QUEUED_RATIO * (double)s->min_rtt_ns)
		return none;

	cap.bytes_per_s = bytes * 1e9 / elapsed_ns;
	cap.busy_ratio = busy_ns / elapsed_ns;
	if (bytes < BYTES_LEAST || cap.busy_ratio < TCP_CAP_BUSY)
		return none;
	if (window_ns >= buffer_ns) {
		cap.kind = TCP_CAP_RECEIVER;
		cap.limited_ratio = window_ns / busy_ns;
		cap.limit_bytes = s->send_window_bytes;
		/* A window each round trip passes; of a slow reader's, less. */
		if (!steady(was, s) || on_its_way < 0.5 * (double)s->send_window_bytes)
			return none;
	} else {
		cap.kind = TCP_CAP_SENDER;
		cap.limited_ratio = buffer_ns / busy_ns;
		cap.limit_bytes = s->send_buffer_bytes;
		/* Still growing, or far from full: half of it is for the kernel's own. */
		if (!row_has(s->has, TCP_SOCKET_send_buffer_bytes) ||
			s->send_buffer_bytes != was->send_buffer_bytes ||
			on_its_way < 0.2 * (double)s->send_buffer_bytes)
			return none;
	}
	return cap.limited_ratio < TCP_CAP_LIMITED ? none : cap;
}
