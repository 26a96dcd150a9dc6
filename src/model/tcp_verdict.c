/* SPDX-License-Identifier: MIT */
#include "model/tcp_verdict.h"

#include "model/tcp_stall.h"

#include <string.h>
#include <sys/socket.h>

/*
 * Probes of a shut window come 0.2, 0.4, 0.8 s... after each other, each doubling counted in
 * tcpi_backoff whether or not it was answered: five are 6 s. Readers pause for less.
 */
enum { SHUT_BACKOFF = 5 };
#define REFUSES_NS UINT64_C(5000000000)
/* net.ipv4.tcp_keepalive_time as Linux has it: with SO_KEEPALIVE the peer would have been asked. */
#define UNGUARDED_NS UINT64_C(7200000000000)
/* Fewer are chance; Cubic and Reno fall below 6 segments a round trip at 5 %. */
enum { AGAIN_MIN = 20, AGAIN_PERCENT = 5 };
/*
 * Of a full segment: what is behind the large ones of a page is of any size, of several pages half
 * a segment on the average. Of segments that a loss let pass one at most is small.
 */
enum { ONE_SMALL_PERCENT = 95, SMALL_PERCENT = 60 };
#define RECENT_NS UINT64_C(30000000000)
enum { OPENING_SEGMENTS = 32 };
#define TICK_NS UINT64_C(4000000) /* of the kernel's clock, CONFIG_HZ 250 */

static const struct {
	const char *name, *text;
} verdicts[TCP_VERDICTS] = {
	[TCP_FINE] = { "fine", "nothing wrong can be seen from here" },
	[TCP_PATH_MTU] = { "path-mtu",
		"full-size segments do not arrive, however often they are sent, and small ones do: "
		"a link of the path takes less than this host believes, and nobody tells it" },
	[TCP_PEER_GONE] = { "peer-gone", "data was sent again and again, and nobody acknowledges "
					 "it: the peer's host is down, or "
					 "the path to it is cut" },
	[TCP_SEND_STALLED] = { "send-stalled",
		"peer and path would take more, but nothing leaves this host: a queue of its "
		"interface, its own routes or firewall, or the pace that the program has set" },
	[TCP_SYN_VOID] = { "syn-void",
		"connect() gets no answer: the host is down, a firewall drops, or the queue of its "
		"listener is full" },
	[TCP_KEEPALIVE_FAILING] = { "keepalive-failing",
		"the peer of an idle connection does not answer keepalive probes" },
	[TCP_ZERO_WINDOW] = { "zero-window",
		"a process does not read: its window is shut, the other side cannot send" },
	[TCP_LISTEN_OVERFLOW] = { "listen-overflow",
		"more connections wait for accept() than the backlog: the next are dropped" },
	[TCP_NEVER_ACCEPTED] = { "never-accepted",
		"the kernel made the connection, and its process does not accept() it" },
	[TCP_CLOSE_WAIT] = { "close-wait",
		"the peer closed a minute ago or longer, and the process has not" },
	[TCP_NAGLE] = { "nagle", "a small write waits for the ACK of the one before; murphy tcp "
				 "nagle tells how often" },
	[TCP_RETRANS] = { "retrans", "5 % or more of its segments had to be sent again" },
	[TCP_LAST_ACK] = { "last-ack", "both sides have closed, and the last ACK does not come" },
	[TCP_FIN_WAIT1] = { "fin-wait1",
		"it was closed here, and the peer does not acknowledge that" },
	[TCP_FIN_WAIT2] = { "fin-wait2",
		"a process shut it down here a minute ago or longer, and the peer does not close" },
	[TCP_HALF_OPEN] = { "half-open", "a risk only: silent for two hours or longer without "
					 "keepalive, so that nobody would "
					 "notice a peer that is gone" },
};

const char *tcp_verdict_name(enum tcp_verdict v)
{
	return v < TCP_VERDICTS ? verdicts[v].name : "?";
}

const char *tcp_verdict_family(enum tcp_verdict v)
{
	return v == TCP_PATH_MTU ? "net" : "tcp";
}

const char *tcp_verdict_text(enum tcp_verdict v)
{
	return v < TCP_VERDICTS ? verdicts[v].text : "?";
}

bool tcp_verdict_parse(const char *text, size_t len, enum tcp_verdict *ret)
{
	for (int v = 0; v < TCP_VERDICTS; v++) {
		if (strlen(verdicts[v].name) == len && memcmp(text, verdicts[v].name, len) == 0) {
			*ret = (enum tcp_verdict)v;
			return true;
		}
	}
	return false;
}

static bool open_state(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_ESTABLISHED || s->state == TCP_STATE_CLOSE_WAIT;
}

int64_t tcp_silence_ns(const struct tcp_socket *s)
{
	uint64_t ns = s->last_sent_ns < s->last_received_ns ? s->last_sent_ns : s->last_received_ns;

	if (!row_has(s->has, TCP_SOCKET_last_ack_ns) || ns > INT64_MAX)
		return -1;
	return (int64_t)(s->last_ack_ns < ns ? s->last_ack_ns : ns);
}

bool tcp_unanswered(const struct tcp_socket *s)
{
	return (open_state(s) || s->state == TCP_STATE_FIN_WAIT1) &&
	       s->timer == TCP_TIMER_RETRANSMIT && s->retransmits >= TCP_UNANSWERED && !tcp_held(s);
}

/* What each path takes, less a header with options: RFC 791 and 8200. */
static uint32_t always_passes(uint32_t family)
{
	return family == AF_INET6 ? 1280 - 60 - 20 : 576 - 60 - 20;
}

bool tcp_stuck(const struct tcp_socket *s)
{
	return tcp_unanswered(s) && s->loops == 0 && s->send_mss > always_passes(s->family) &&
	       s->send_queue >= s->notsent_bytes && s->send_queue - s->notsent_bytes >= s->send_mss;
}

/* If all that is missing is full size: what is left for those that arrived? */
static bool sacks_are_small(const struct tcp_socket *s)
{
	uint64_t flight = s->send_queue - s->notsent_bytes;
	uint64_t missing = s->unacked > s->sacked ? s->unacked - s->sacked : 0;
	uint64_t full = missing * s->send_mss;
	uint64_t percent = s->sacked == 1 ? ONE_SMALL_PERCENT : SMALL_PERCENT;

	return missing > 0 && flight > full &&
	       (flight - full) * 100 < s->sacked * percent * s->send_mss;
}

bool tcp_small_behind(const struct tcp_socket *s)
{
	if (s->sacked == 0 || !row_has(s->has, TCP_SOCKET_acked_bytes) || !sacks_are_small(s))
		return false;
	return s->acked_bytes < s->send_mss ||
	       (row_has(s->has, TCP_SOCKET_segments_out) &&
		       s->acked_bytes / s->send_mss * 2 < s->segments_out);
}

/*
 * Sent again after R, 3 R, 7 R... (2^n - 1) R, the timer is now at 2^n R. retrans_stamp may be of
 * an earlier loss, which went on into this one.
 */
uint64_t tcp_tried_ns(const struct tcp_socket *s)
{
	uint64_t first = s->backoff < 64 ? s->rto_ns >> s->backoff : 0, since;

	if (!row_has(s->has, TCP_SOCKET_rto_ns) || !row_has(s->has, TCP_SOCKET_last_sent_ns) ||
		s->backoff == 0 ||
		__builtin_add_overflow(s->rto_ns - 2 * first, s->last_sent_ns, &since))
		return 0;
	return row_has(s->has, TCP_SOCKET_trying_ns) && s->trying_ns < since ? s->trying_ns : since;
}

bool tcp_small_pass(const struct tcp_socket *s)
{
	return tcp_small_behind(s) ||
	       (row_has(s->has, TCP_SOCKET_last_ack_ns) && tcp_tried_ns(s) >= TCP_UNANSWERED_NS &&
		       s->last_ack_ns <= tcp_tried_ns(s) - TCP_UNANSWERED_NS);
}

bool tcp_syn_unanswered(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_SYN_SENT && s->timer_retransmits >= TCP_SYN_UNANSWERED;
}

bool tcp_keepalive_unanswered(const struct tcp_socket *s)
{
	return s->timer == TCP_TIMER_KEEPALIVE && s->probes >= TCP_KEEPALIVE_UNANSWERED;
}

size_t tcp_orphan_tries(const struct tcp_socket *s)
{
	return s->timer == TCP_TIMER_PROBE ? s->probes : s->retransmits;
}

bool tcp_orphan_unanswered(const struct tcp_socket *s)
{
	return s->inode == 0 && (s->timer == TCP_TIMER_RETRANSMIT || s->timer == TCP_TIMER_PROBE) &&
	       tcp_orphan_tries(s) >= TCP_ORPHAN_UNANSWERED;
}

/* The timer is that of probes also where this host lets nothing go (model/tcp_stall.h). */
bool tcp_window_shut(const struct tcp_socket *s)
{
	bool told = row_has(s->has, TCP_SOCKET_send_window_bytes);

	if ((!open_state(s) && s->state != TCP_STATE_FIN_WAIT1) || s->notsent_bytes == 0)
		return false;
	return (told && s->send_window_bytes == 0) ||
	       (s->timer == TCP_TIMER_PROBE && !(told && tcp_window_takes_more(s)));
}

/* tcpi_rcv_wnd is there since 6.2; before that a buffer half full of unread data has to do. */
bool tcp_refuses(const struct tcp_socket *s)
{
	if (s->state == TCP_STATE_LISTEN || s->receive_queue == 0 || s->inode == 0)
		return false;
	if (row_has(s->has, TCP_SOCKET_receive_window_bytes) &&
		s->receive_window_bytes < s->receive_mss)
		return true;
	return row_has(s->has, TCP_SOCKET_receive_buffer_bytes) &&
	       s->receive_memory_bytes >= s->receive_buffer_bytes / 2;
}

/* A piece that only Nagle's rule holds back, or an ACK that is late. */
static bool small_piece_waits(const struct tcp_socket *s)
{
	uint64_t flight_bytes = s->send_queue - s->notsent_bytes;

	if (!open_state(s) || s->notsent_bytes == 0 || s->notsent_bytes >= s->send_mss ||
		s->unacked == 0 || s->unacked >= s->cwnd || s->send_queue <= s->notsent_bytes)
		return false;
	/* Sent again, or probed for a window: something else is the matter. */
	if (s->retransmits > 0 || s->backoff > 0 || s->lost > 0 || s->timer != TCP_TIMER_RETRANSMIT)
		return false;
	return !row_has(s->has, TCP_SOCKET_send_window_bytes) ||
	       s->send_window_bytes >= flight_bytes + s->notsent_bytes;
}

/*
 * Something came later than a round trip after it was sent: the peer sends, and an ACK with all it
 * sends, so it delays none. This one is on its way, on a path that is slower than it was at best.
 */
static bool heard_since(const struct tcp_socket *s, uint64_t trip_ns)
{
	int64_t heard_ns = tcp_silence_ns(s);

	return heard_ns >= 0 && (uint64_t)heard_ns + trip_ns + TICK_NS < s->last_sent_ns;
}

/* Handshakes write twice before they read, once: ssh's takes up to 20 segments. */
static bool is_opening(const struct tcp_socket *s)
{
	return row_has(s->has, TCP_SOCKET_segments_out) && s->segments_out < OPENING_SEGMENTS;
}

bool tcp_nagle_suspect(const struct tcp_socket *s)
{
	uint64_t trip_ns = row_has(s->has, TCP_SOCKET_min_rtt_ns) ? s->min_rtt_ns : s->rtt_ns;

	return small_piece_waits(s) && row_has(s->has, TCP_SOCKET_last_sent_ns) &&
	       s->last_sent_ns >= trip_ns + TCP_NAGLE_NS && !heard_since(s, trip_ns) &&
	       !is_opening(s);
}

bool tcp_forgotten(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_CLOSE_WAIT && s->inode != 0 &&
	       row_has(s->has, TCP_SOCKET_last_ack_ns) && s->last_ack_ns >= TCP_FORGOTTEN_NS;
}

bool tcp_not_accepted(const struct tcp_socket *s)
{
	return open_state(s) && s->inode == 0;
}

bool tcp_unguarded(const struct tcp_socket *s)
{
	return s->state == TCP_STATE_ESTABLISHED && s->timer == TCP_TIMER_NONE &&
	       s->send_queue == 0 && !(row_has(s->has, TCP_SOCKET_keepalive) && s->keepalive) &&
	       tcp_silence_ns(s) >= 0;
}

/* Of what it sent while it lived; asked for only while it is at work. */
static bool lossy(const struct tcp_socket *s)
{
	return row_has(s->has, TCP_SOCKET_segments_out) && s->total_retransmits >= AGAIN_MIN &&
	       (double)s->total_retransmits * 100 >= (double)s->segments_out * AGAIN_PERCENT &&
	       row_has(s->has, TCP_SOCKET_last_sent_ns) &&
	       (s->unacked > 0 || s->last_sent_ns < RECENT_NS);
}

static bool shut_long(const struct tcp_socket *s)
{
	return (tcp_window_shut(s) && s->timer == TCP_TIMER_PROBE && s->backoff >= SHUT_BACKOFF) ||
	       (tcp_refuses(s) && row_has(s->has, TCP_SOCKET_last_received_ns) &&
		       s->last_received_ns >= REFUSES_NS);
}

/* Those that a process has, or ought to take. */
static enum tcp_verdict judge_open(const struct tcp_socket *s)
{
	if (s->inode != 0 && tcp_stall_of(s) != TCP_STALL_NONE)
		return TCP_SEND_STALLED;
	if (tcp_stuck(s) && tcp_small_pass(s))
		return TCP_PATH_MTU;
	if (s->inode != 0 && tcp_unanswered(s))
		return TCP_PEER_GONE;
	if (tcp_keepalive_unanswered(s))
		return TCP_KEEPALIVE_FAILING;
	if (shut_long(s))
		return TCP_ZERO_WINDOW;
	if (tcp_not_accepted(s) && row_has(s->has, TCP_SOCKET_last_ack_ns) &&
		s->last_ack_ns >= TCP_ACCEPT_NS)
		return TCP_NEVER_ACCEPTED;
	if (tcp_forgotten(s))
		return TCP_CLOSE_WAIT;
	if (tcp_nagle_suspect(s))
		return TCP_NAGLE;
	if (lossy(s))
		return TCP_RETRANS;
	if (tcp_unguarded(s) && s->loops == 0 && (uint64_t)tcp_silence_ns(s) >= UNGUARDED_NS)
		return TCP_HALF_OPEN;
	return TCP_FINE;
}

/* Those that were closed here. */
static enum tcp_verdict judge_closed(const struct tcp_socket *s)
{
	if (tcp_orphan_unanswered(s))
		return s->state == TCP_STATE_LAST_ACK ? TCP_LAST_ACK : TCP_FIN_WAIT1;
	/* What no process has any more the kernel drops by itself. */
	if (s->state == TCP_STATE_FIN_WAIT2 && s->inode != 0 &&
		row_has(s->has, TCP_SOCKET_last_ack_ns) && s->last_ack_ns >= TCP_FORGOTTEN_NS)
		return TCP_FIN_WAIT2;
	return TCP_FINE;
}

enum tcp_verdict tcp_judge(const struct tcp_socket *s)
{
	enum tcp_verdict v;

	switch (s->state) {
	case TCP_STATE_ESTABLISHED:
	case TCP_STATE_CLOSE_WAIT:
		return judge_open(s);
	case TCP_STATE_SYN_SENT:
		/* Where the listener is on this host its queue is the matter: listen-overflow. */
		return tcp_syn_unanswered(s) && s->loops == 0 ? TCP_SYN_VOID : TCP_FINE;
	case TCP_STATE_LISTEN:
		return s->receive_queue > s->send_queue ? TCP_LISTEN_OVERFLOW : TCP_FINE;
	case TCP_STATE_FIN_WAIT1:
		v = judge_open(s);
		return v == TCP_FINE ? judge_closed(s) : v;
	case TCP_STATE_FIN_WAIT2:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_CLOSING:
		return judge_closed(s);
	default:
		return TCP_FINE;
	}
}

const char *tcp_limit_name(enum tcp_limit limit)
{
	static const char *const names[TCP_LIMITS] = { "none", "application", "receiver",
		"send-buffer", "congestion", "network", "nagle", "other" };

	return limit < TCP_LIMITS ? names[limit] : "?";
}

/* More waits to be sent: why is it not? net/ipv4/tcp_output.c, tcp_write_xmit(). */
static enum tcp_limit limit_of_waiting(const struct tcp_socket *s)
{
	uint64_t flight_bytes = s->send_queue - s->notsent_bytes;

	if (s->unacked >= s->cwnd)
		return TCP_LIMIT_CONGESTION;
	if (tcp_window_shut(s) || (row_has(s->has, TCP_SOCKET_send_window_bytes) &&
					  s->send_window_bytes < flight_bytes + s->send_mss &&
					  s->notsent_bytes >= s->send_mss))
		return TCP_LIMIT_RECEIVER;
	return small_piece_waits(s) ? TCP_LIMIT_NAGLE : TCP_LIMIT_OTHER;
}

enum tcp_limit tcp_limit_of(const struct tcp_socket *s)
{
	if (!open_state(s) || !row_has(s->has, TCP_SOCKET_unacked))
		return s->state == TCP_STATE_SYN_SENT ? TCP_LIMIT_NETWORK : TCP_LIMIT_NONE;
	if (s->send_queue == 0)
		return TCP_LIMIT_APPLICATION;
	if (tcp_stall_of(s) != TCP_STALL_NONE)
		return TCP_LIMIT_OTHER;
	if (s->retransmits > 0 || s->lost > 0)
		return TCP_LIMIT_NETWORK;
	if (s->notsent_bytes > 0 && s->notsent_bytes <= s->send_queue)
		return limit_of_waiting(s);
	if (row_has(s->has, TCP_SOCKET_send_buffer_bytes) && s->send_buffer_bytes > 0 &&
		s->send_memory_bytes >= s->send_buffer_bytes)
		return TCP_LIMIT_SEND_BUFFER;
	return TCP_LIMIT_NETWORK;
}
