/* SPDX-License-Identifier: MIT */
#include "model/tcp_join_cause.h"

#include "model/tcp_verdict.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* One may be lost. */
enum { UNANSWERED = 2 };

bool join_address_parse(const char *text, uint8_t ret_address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	uint8_t address[16];

	if (inet_pton(AF_INET6, text, address) != 1) {
		memcpy(address, mapped, sizeof(mapped));
		if (inet_pton(AF_INET, text, address + 12) != 1)
			return false;
	}
	memcpy(ret_address, address, sizeof(address));
	return true;
}

static bool is_loopback(const uint8_t address[16])
{
	static const uint8_t loopback[16] = { [15] = 1 }, mapped[13] = { [10] = 0xff, 0xff, 127 };

	return memcmp(address, loopback, 16) == 0 || memcmp(address, mapped, 13) == 0;
}

static uint64_t cell(const struct tcp_socket *s, unsigned int column, uint64_t value, uint64_t none)
{
	return row_has(s->has, column) ? value : none;
}

/* Of a socket that has never heard anything the kernel counts from boot: it is not told then. */
static uint64_t heard(const struct tcp_socket *s)
{
	uint64_t data = cell(s, TCP_SOCKET_last_received_ns, s->last_received_ns, UINT64_MAX);
	uint64_t ack = cell(s, TCP_SOCKET_last_ack_ns, s->last_ack_ns, UINT64_MAX);

	return data < ack ? data : ack;
}

static uint8_t unanswered(const struct tcp_socket *s)
{
	uint32_t n = s->retransmits > s->probes ? s->retransmits : s->probes;

	if (s->timer_retransmits > n)
		n = s->timer_retransmits;
	return n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
}

int join_row_of(const struct tcp_socket *s, const char *local, const char *peer, uint64_t pid,
	const char *command, struct join_row *ret)
{
	struct join_row r = { .local_port = (uint16_t)s->local_port,
		.peer_port = (uint16_t)s->peer_port,
		.state = (uint8_t)s->state,
		.timer = (uint8_t)s->timer,
		.retransmits = unanswered(s),
		.has_next = row_has(s->has, TCP_SOCKET_send_next) &&
			    row_has(s->has, TCP_SOCKET_receive_next),
		.has_window = row_has(s->has, TCP_SOCKET_receive_window_bytes),
		.send_next = (uint32_t)s->send_next,
		.receive_next = (uint32_t)s->receive_next,
		.send_window = s->send_window_bytes,
		.receive_window = s->receive_window_bytes,
		.cookie = s->cookie,
		.receive_queue = s->receive_queue,
		.send_queue = s->send_queue,
		.notsent = s->notsent_bytes,
		.unacked = s->unacked,
		.acked = s->acked_bytes,
		.received = s->received_bytes,
		.heard_ns = heard(s),
		.pid = pid };

	if (!join_address_parse(local, r.local) || !join_address_parse(peer, r.peer) ||
		s->local_port > UINT16_MAX || s->peer_port > UINT16_MAX)
		return -EINVAL;
	if (r.state == TCP_STATE_NEW_SYN_RECV)
		r.state = TCP_STATE_SYN_RECV;
	r.loops = is_loopback(r.peer) || is_loopback(r.local) ||
		  memcmp(r.local, r.peer, sizeof(r.local)) == 0;
	for (size_t i = 0; i + 1 < sizeof(r.command) && command[i]; i++)
		r.command[i] = command[i];
	*ret = r;
	return 0;
}

const char *join_cause_name(enum join_cause c)
{
	static const char *const names[JOIN_CAUSES] = { [JOIN_NONE] = "none",
		[JOIN_HALF_OPEN] = "half-open",
		[JOIN_UNANSWERED] = "unanswered",
		[JOIN_CLOSE_WAIT] = "close-wait",
		[JOIN_STALE] = "stale",
		[JOIN_SEQUENCE] = "sequence",
		[JOIN_DATA_LOST] = "data-lost",
		[JOIN_ACKS_LOST] = "acks-lost",
		[JOIN_WINDOW_LOST] = "window-lost",
		[JOIN_FIN_LOST] = "fin-lost",
		[JOIN_CLOSING] = "closing",
		[JOIN_NOT_ACCEPTED] = "not-accepted",
		[JOIN_SYNACK_LOST] = "synack-lost",
		[JOIN_UNREAD] = "unread" };

	return names[c];
}

enum join_cause join_alone(const struct join_row *here)
{
	switch (here->state) {
	case TCP_STATE_ESTABLISHED:
		return here->timer != TCP_TIMER_NONE && here->retransmits >= UNANSWERED
			       ? JOIN_UNANSWERED
			       : JOIN_HALF_OPEN;
	case TCP_STATE_CLOSE_WAIT:
		return JOIN_CLOSE_WAIT;
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_FIN_WAIT2:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_CLOSING:
		return JOIN_CLOSING;
	default:
		return JOIN_NONE; /* TIME_WAIT stands alone by design; a SYN may be dropped */
	}
}

/* Sent again and again: has what the peer did not acknowledge arrived there? */
static enum join_cause lost(const struct join_row *here, const struct join_row *there)
{
	/* Of the side that connected, acked_bytes has its SYN, too. */
	bool arrived = there->received > here->acked + 1;

	if (here->has_next && there->has_next) {
		uint64_t flying = here->send_queue - here->notsent;

		arrived = (int32_t)(there->receive_next - (here->send_next - (uint32_t)flying)) > 0;
	}
	return arrived ? JOIN_ACKS_LOST : JOIN_DATA_LOST;
}

/* Both can send and receive: what do they think has gone over? */
static enum join_cause both_established(const struct join_row *here, const struct join_row *there)
{
	bool again = here->retransmits >= UNANSWERED;

	if (here->timer == TCP_TIMER_RETRANSMIT && here->retransmits > UNANSWERED)
		return lost(here, there);
	if (here->timer == TCP_TIMER_PROBE && here->send_queue > 0 && again) {
		if (there->receive_queue > 0)
			return JOIN_UNREAD;
		if (there->has_window && there->receive_window > 0)
			return JOIN_WINDOW_LOST;
	}
	/* Nothing is on its way: what was sent here is what arrived there. */
	if (here->has_next && there->has_next && here->send_queue == 0 &&
		here->send_next != there->receive_next)
		return JOIN_SEQUENCE;
	return JOIN_NONE;
}

static enum join_cause established(const struct join_row *here, const struct join_row *there)
{
	switch (there->state) {
	case TCP_STATE_ESTABLISHED:
		return both_established(here, there);
	case TCP_STATE_SYN_RECV:
		return JOIN_NOT_ACCEPTED;
	case TCP_STATE_SYN_SENT:
	case TCP_STATE_FIN_WAIT2:
	case TCP_STATE_TIME_WAIT:
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_LAST_ACK:
	case TCP_STATE_CLOSING:
		return JOIN_STALE;
	default:
		return JOIN_NONE; /* FIN_WAIT1 is judged from that end */
	}
}

/* Here the end was sent in vain. */
static enum join_cause ending(const struct join_row *here, const struct join_row *there)
{
	if (here->timer != TCP_TIMER_RETRANSMIT || here->retransmits < UNANSWERED)
		return JOIN_NONE;
	bool last = here->state == TCP_STATE_LAST_ACK;

	if (there->state == (last ? TCP_STATE_FIN_WAIT2 : TCP_STATE_ESTABLISHED))
		return JOIN_FIN_LOST;
	return there->state == (last ? TCP_STATE_TIME_WAIT : TCP_STATE_CLOSE_WAIT) ? JOIN_ACKS_LOST
										   : JOIN_NONE;
}

enum join_cause join_pair(const struct join_row *here, const struct join_row *there)
{
	switch (here->state) {
	case TCP_STATE_ESTABLISHED:
		return established(here, there);
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_LAST_ACK:
		return ending(here, there);
	case TCP_STATE_CLOSE_WAIT:
		/* It may still have much to send. */
		return there->state == TCP_STATE_FIN_WAIT2 ? both_established(here, there)
							   : JOIN_NONE;
	case TCP_STATE_SYN_SENT:
		return there->state == TCP_STATE_SYN_RECV && here->retransmits >= UNANSWERED
			       ? JOIN_SYNACK_LOST
			       : JOIN_NONE;
	default:
		return JOIN_NONE;
	}
}

bool join_stands(
	enum join_cause cause, const struct join_row here[2], const struct join_row there[2])
{
	switch (cause) {
	case JOIN_SEQUENCE:
		return here[0].send_next == here[1].send_next &&
		       there[0].receive_next == there[1].receive_next;
	case JOIN_DATA_LOST:
	case JOIN_ACKS_LOST:
		return here[0].acked == here[1].acked;
	case JOIN_UNREAD:
	case JOIN_WINDOW_LOST:
		return there[0].received == there[1].received &&
		       there[0].receive_queue == there[1].receive_queue;
	default:
		return true;
	}
}
