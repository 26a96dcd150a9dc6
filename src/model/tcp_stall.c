/* SPDX-License-Identifier: MIT */
#include "model/tcp_stall.h"

#include "model/tcp_verdict.h"

/*
 * One segment and its second copy, with all that the kernel adds, take less. So this many cannot be
 * retransmits that wait for a neighbour's address.
 */
enum { MANY_SEGMENTS = 4 };

/*
 * A host of the same link that is gone looks alike for a moment: the copy waits for its address
 * (ARP), 3 s until it is dropped. Then it was truly sent again, and the error that comes of that
 * takes back a doubling of the timer (tcp_ld_RTO_revert()).
 */
bool tcp_held(const struct tcp_socket *s)
{
	uint64_t flight = s->send_queue > s->notsent_bytes ? s->send_queue - s->notsent_bytes : 0;

	if (!row_has(s->has, TCP_SOCKET_queued_bytes) || flight == 0 || s->unacked == 0 ||
		s->queued_bytes < flight || s->backoff < s->retransmits)
		return false;
	return s->retransmits == 0 || s->total_retransmits < s->retransmits ||
	       flight >= (uint64_t)MANY_SEGMENTS * s->send_mss;
}

bool tcp_window_takes_more(const struct tcp_socket *s)
{
	uint64_t flight = s->send_queue > s->notsent_bytes ? s->send_queue - s->notsent_bytes : 0;
	uint64_t next = s->notsent_bytes < s->send_mss ? s->notsent_bytes : s->send_mss;

	return row_has(s->has, TCP_SOCKET_send_window_bytes) &&
	       s->send_window_bytes >= flight + next;
}

/* Nothing is on its way, the window is open, and the timer that is left is that of probes. */
static enum tcp_stall stall_unsent(const struct tcp_socket *s)
{
	if (s->timer != TCP_TIMER_PROBE || s->unacked > 0 || s->notsent_bytes == 0 ||
		!tcp_window_takes_more(s) || !row_has(s->has, TCP_SOCKET_queued_bytes) ||
		s->queued_bytes > 0)
		return TCP_STALL_NONE;
	if (s->probes >= TCP_STALL_TRIES && s->backoff >= TCP_STALL_TRIES)
		return TCP_STALL_REFUSED;
	return s->probes == 0 && s->backoff == 0 && s->last_sent_ns >= TCP_STALL_NS
		       ? TCP_STALL_PACED
		       : TCP_STALL_NONE;
}

enum tcp_stall tcp_stall_of(const struct tcp_socket *s)
{
	if ((s->state != TCP_STATE_ESTABLISHED && s->state != TCP_STATE_CLOSE_WAIT) ||
		s->inode == 0 || !row_has(s->has, TCP_SOCKET_last_sent_ns) ||
		!row_has(s->has, TCP_SOCKET_last_ack_ns))
		return TCP_STALL_NONE;
	if (s->last_sent_ns >= TCP_STALL_NS && s->last_ack_ns >= TCP_STALL_NS && tcp_held(s))
		return TCP_STALL_QUEUE;
	return stall_unsent(s);
}
