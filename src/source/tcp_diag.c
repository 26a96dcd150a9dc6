/* SPDX-License-Identifier: MIT */
#include "source/tcp_diag.h"

#include "source/netlink.h"
#include "source/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <string.h>

/* tcpi_rcv_wnd follows tcpi_snd_wnd since 6.2: newer than the headers this may be built with. */
enum { RCV_WND_OFFSET = offsetof(struct tcp_info, tcpi_snd_wnd) + sizeof(uint32_t) };

#define NO_MARK UINT64_MAX
#define WHERE(column)                                             \
	TCP_SOCKET_##column, offsetof(struct tcp_socket, column), \
		sizeof(((struct tcp_socket *)NULL)->column)
#define INFO(column, field, scale)                                                       \
	{                                                                                \
		WHERE(column), offsetof(struct tcp_info, tcpi_##field),                  \
			sizeof(((struct tcp_info *)NULL)->tcpi_##field), scale, NO_MARK, \
	}

/* Columns from struct tcp_info. It only ever grew at its end. */
static const struct {
	uint8_t column;
	uint16_t to; /* in the row */
	uint8_t to_width;
	uint16_t offset;
	uint8_t width;
	uint32_t scale;
	uint64_t unset; /* this value says that there is none */
} infos[] = {
	INFO(retransmits, retransmits, 1),
	INFO(probes, probes, 1),
	INFO(backoff, backoff, 1),
	INFO(unacked, unacked, 1),
	INFO(send_mss, snd_mss, 1),
	INFO(receive_mss, rcv_mss, 1),
	INFO(last_sent_ns, last_data_sent, 1000000),
	INFO(last_received_ns, last_data_recv, 1000000),
	INFO(last_ack_ns, last_ack_recv, 1000000),
	INFO(rtt_ns, rtt, 1000),
	INFO(cwnd, snd_cwnd, 1),
	INFO(notsent_bytes, notsent_bytes, 1),
	INFO(acked_bytes, bytes_acked, 1),
	INFO(received_bytes, bytes_received, 1),
	INFO(total_retransmits, total_retrans, 1),
	INFO(segments_out, segs_out, 1),
	INFO(retransmitted_bytes, bytes_retrans, 1),
	INFO(lost, lost, 1),
	INFO(sacked, sacked, 1),
	INFO(path_mtu_bytes, pmtu, 1),
	INFO(rto_ns, rto, 1000),
	INFO(delivery_bytes_per_s, delivery_rate, 1),
	INFO(busy_ns, busy_time, 1000),
	INFO(rwnd_limited_ns, rwnd_limited, 1000),
	INFO(sndbuf_limited_ns, sndbuf_limited, 1000),
	INFO(send_window_bytes, snd_wnd, 1),
	{ WHERE(receive_window_bytes), RCV_WND_OFFSET, 4, 1, NO_MARK },
	{ WHERE(min_rtt_ns), offsetof(struct tcp_info, tcpi_min_rtt), 4, 1000, UINT32_MAX },
};

/* Since 6.7: how often and for how long retransmits went unanswered, the present time included. */
enum { RTO_RECOVERIES_OFFSET = RCV_WND_OFFSET + 10, RTO_TIME_OFFSET = RCV_WND_OFFSET + 12 };

/* If it is the first time, this is how long it has been going on now. */
static void take_trying(struct tcp_socket *s, const char *info, size_t len)
{
	uint16_t recoveries;
	uint32_t ms;

	if (len < RTO_TIME_OFFSET + sizeof(ms) || s->retransmits == 0)
		return;
	memcpy(&recoveries, info + RTO_RECOVERIES_OFFSET, sizeof(recoveries));
	memcpy(&ms, info + RTO_TIME_OFFSET, sizeof(ms));
	if (recoveries != 1)
		return;
	s->trying_ns = (uint64_t)ms * 1000000;
	row_set(&s->has, TCP_SOCKET_trying_ns);
}

/* By offset, not by row_put(): 28 cells of each of 400,000 sockets. */
static void take_info(struct tcp_socket *s, const char *info, size_t len)
{
	/* A listener's has queues where others have segments. */
	if (s->state == TCP_STATE_LISTEN)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(infos); i++) {
		uint64_t value = 0;
		uint32_t narrow;

		if (infos[i].offset + (size_t)infos[i].width > len)
			continue;
		if (infos[i].width == 1) {
			value = (uint8_t)info[infos[i].offset];
		} else if (infos[i].width == 4) {
			memcpy(&narrow, info + infos[i].offset, sizeof(narrow));
			value = narrow;
		} else {
			memcpy(&value, info + infos[i].offset, sizeof(value));
		}
		if (value == infos[i].unset ||
			__builtin_mul_overflow(value, infos[i].scale, &value))
			continue;
		narrow = (uint32_t)value;
		if (infos[i].to_width == sizeof(narrow))
			memcpy((char *)s + infos[i].to, &narrow, sizeof(narrow));
		else
			memcpy((char *)s + infos[i].to, &value, sizeof(value));
		row_set(&s->has, infos[i].column);
	}
	take_trying(s, info, len);
}

static void take_memory(struct tcp_socket *s, const char *info, size_t len)
{
	static const struct {
		uint8_t column, index;
	} cells[] = {
		{ TCP_SOCKET_receive_memory_bytes, SK_MEMINFO_RMEM_ALLOC },
		{ TCP_SOCKET_receive_buffer_bytes, SK_MEMINFO_RCVBUF },
		{ TCP_SOCKET_queued_bytes, SK_MEMINFO_WMEM_ALLOC },
		{ TCP_SOCKET_send_memory_bytes, SK_MEMINFO_WMEM_QUEUED },
		{ TCP_SOCKET_send_buffer_bytes, SK_MEMINFO_SNDBUF },
		{ TCP_SOCKET_drops, SK_MEMINFO_DROPS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		uint32_t value;

		if ((cells[i].index + 1u) * sizeof(value) > len)
			continue;
		memcpy(&value, info + cells[i].index * sizeof(value), sizeof(value));
		row_put(schemas[TABLE_tcp_socket], s, cells[i].column, value);
	}
}

static int take_attributes(struct tcp_socket *s, struct cursor c)
{
	struct nl_attribute a;
	int more;

	while ((more = nl_attribute(&c, &a)) > 0) {
		if (a.type == INET_DIAG_INFO)
			take_info(s, a.data, a.len);
		else if (a.type == INET_DIAG_SKMEMINFO)
			take_memory(s, a.data, a.len);
	}
	return more;
}

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* 127.0.0.0/8, also as ::ffff:127.0.0.0/104, and ::1. */
static bool is_loopback(uint32_t family, const uint8_t *address)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (family == AF_INET)
		return address[0] == 127;
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return address[sizeof(mapped)] == 127;
	return memcmp(address, one, sizeof(one)) == 0;
}

bool tcp_diag_loops(uint32_t family, const uint8_t *local, const uint8_t *peer)
{
	return is_loopback(family, peer) || memcmp(local, peer, family == AF_INET ? 4 : 16) == 0;
}

static has_t bits(unsigned int column)
{
	return (has_t)1 << column;
}

static void take_message(struct tcp_diag *d, const struct inet_diag_msg *m)
{
	struct tcp_socket *s = &d->row;

	s->cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	s->inode = m->idiag_inode;
	s->state = m->idiag_state;
	s->family = m->idiag_family;
	s->local_port = ntohs(m->id.idiag_sport);
	s->peer_port = ntohs(m->id.idiag_dport);
	s->uid = m->idiag_uid;
	s->receive_queue = m->idiag_rqueue;
	s->send_queue = m->idiag_wqueue;
	s->timer = m->idiag_timer;
	s->timer_retransmits = m->idiag_retrans;
	s->has = bits(TCP_SOCKET_cookie) | bits(TCP_SOCKET_inode) | bits(TCP_SOCKET_state) |
		 bits(TCP_SOCKET_family) | bits(TCP_SOCKET_local_port) |
		 bits(TCP_SOCKET_peer_port) | bits(TCP_SOCKET_uid) |
		 bits(TCP_SOCKET_receive_queue) | bits(TCP_SOCKET_send_queue) |
		 bits(TCP_SOCKET_timer) | bits(TCP_SOCKET_timer_retransmits);
	if (m->idiag_timer) {
		s->timer_ns = (uint64_t)m->idiag_expires * 1000000;
		row_set(&s->has, TCP_SOCKET_timer_ns);
	}
	if (s->state != TCP_STATE_LISTEN) {
		s->loops = tcp_diag_loops(s->family, (const uint8_t *)m->id.idiag_src,
			(const uint8_t *)m->id.idiag_dst);
		row_set(&s->has, TCP_SOCKET_loops);
	}
	memcpy(d->local, m->id.idiag_src, sizeof(d->local));
	memcpy(d->peer, m->id.idiag_dst, sizeof(d->peer));
}

int tcp_diag_next(struct cursor *c, struct tcp_diag *ret_diag)
{
	struct nl_message message;
	int more;

	while ((more = nl_message(c, &message)) > 0) {
		struct inet_diag_msg m;

		if (message.type != SOCK_DIAG_BY_FAMILY && message.type != TCPDIAG_GETSOCK)
			continue;
		if (!nl_take(&message.body, &m, sizeof(m)))
			return -EINVAL;
		if (m.idiag_state >= TCP_STATES ||
			(m.idiag_family != AF_INET && m.idiag_family != AF_INET6))
			return -EINVAL;
		*ret_diag = (struct tcp_diag){ .interrupted = message.flags & NLM_F_DUMP_INTR };
		take_message(ret_diag, &m);
		int err = take_attributes(&ret_diag->row, message.body);

		return err < 0 ? err : 1;
	}
	return more;
}

text_t tcp_diag_address(struct table *t, uint32_t family, const uint8_t *bytes)
{
	char text[INET6_ADDRSTRLEN];

	if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		family = AF_INET;
		bytes += sizeof(mapped);
	}
	if (!inet_ntop((int)family, bytes, text, sizeof(text)))
		return 0;
	return table_intern(t, text, strlen(text));
}

int tcp_diag_add(struct table *t, const struct tcp_diag *d)
{
	struct tcp_socket *s = table_add(t);

	if (!s)
		return -ENOMEM;
	*s = d->row;
	s->local = tcp_diag_address(t, s->family, d->local);
	s->peer = tcp_diag_address(t, s->family, d->peer);
	if (!s->local || !s->peer) {
		table_drop_last(t);
		return -ENOMEM;
	}
	row_set(&s->has, TCP_SOCKET_local);
	row_set(&s->has, TCP_SOCKET_peer);
	return 0;
}

/*
 * Parse an answer of sock_diag. Pure: the fuzzer calls it directly.
 *
 * Shape:  netlink messages: inet_diag_msg, then attributes INET_DIAG_INFO and _SKMEMINFO.
 * Units:  the kernel's ms and us become ns.
 * Errors: -EINVAL a length that does not fit, -ENOMEM.
 * Source: net/ipv4/inet_diag.c, inet_sk_diag_fill(); net/ipv4/tcp.c, tcp_get_info().
 */
int tcp_diag_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len);
	size_t before = t->n;
	struct tcp_diag d;
	int more;

	while ((more = tcp_diag_next(&c, &d)) > 0) {
		int err = d.row.state == TCP_STATE_TIME_WAIT ? 0 : tcp_diag_add(t, &d);

		if (err < 0) {
			more = err;
			break;
		}
	}
	if (more < 0)
		t->n = before;
	return more;
}
