/* SPDX-License-Identifier: MIT */
#include "model/tcp_stall.h"

#include "model/tcp_verdict.h"

static uint64_t flight_bytes(const struct tcp_socket *s)
{
	return s->send_queue > s->notsent_bytes ? s->send_queue - s->notsent_bytes : 0;
}

/*
 * Its timer fired after R, 3 R... (2^n - 1) R, and is now at 2^n R: nothing was sent that long. A
 * loss probe may have come before the first.
 *
 * A host of the same link that is gone looks alike for a moment: a copy waits for its address (ARP)
 * for 3 s, until it is dropped. But then one is truly sent whenever the timer fires later.
 */
static bool never_again(const struct tcp_socket *s)
{
	uint64_t first = s->backoff < 64 ? s->rto_ns >> s->backoff : 0;

	return s->backoff == 0 || s->last_sent_ns >= s->rto_ns ||
	       s->rto_ns - s->last_sent_ns <= 2 * first;
}

bool tcp_held(const struct tcp_socket *s)
{
	return row_has(s->has, TCP_SOCKET_queued_bytes) && row_has(s->has, TCP_SOCKET_rto_ns) &&
	       row_has(s->has, TCP_SOCKET_last_sent_ns) && s->unacked > 0 && flight_bytes(s) > 0 &&
	       s->queued_bytes >= flight_bytes(s) && never_again(s);
}

bool tcp_window_takes_more(const struct tcp_socket *s)
{
	uint64_t next = s->notsent_bytes < s->send_mss ? s->notsent_bytes : s->send_mss;

	return row_has(s->has, TCP_SOCKET_send_window_bytes) &&
	       s->send_window_bytes >= flight_bytes(s) + next;
}

/*
 * The timer of probes starts at the retransmission timeout, and later where a pace delays it
 * (tcp_pacing_delay()). What a program corks (TCP_CORK, MSG_MORE) after a rest looks like a pace
 * otherwise, for the 200 ms until that timer sends it.
 */
static bool paced(const struct tcp_socket *s)
{
	return row_has(s->has, TCP_SOCKET_rto_ns) && row_has(s->has, TCP_SOCKET_timer_ns) &&
	       s->timer_ns > s->rto_ns && s->timer_ns - s->rto_ns >= TCP_STALL_PACE_NS;
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
	return s->probes == 0 && s->backoff == 0 && s->last_sent_ns >= TCP_STALL_NS && paced(s)
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
