/* SPDX-License-Identifier: MIT */
#include "act/tcp_probe.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"
#include "host/host.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Asked at the same time: each has a socket that sees what comes from its peer. */
enum { OPEN_MAX_PROBES = 64 };

/*
 * One segment may be lost, and Linux answers only one in half a second that is out of its window
 * (net.ipv4.tcp_invalid_ratelimit), which another may have been.
 */
enum { TRIES = 2 };

/* Where things stand in a TCP header; RFC 9293, 3.1. */
enum {
	SOURCE = 0,
	DESTINATION = 2,
	SEQUENCE = 4,
	ACKNOWLEDGMENT = 8,
	OFFSET = 12,
	FLAGS = 13,
	WINDOW = 14,
	CHECKSUM = 16
};
enum { FLAG_SYN = 0x02, FLAG_RST = 0x04, FLAG_ACK = 0x10, HEADER_WORDS = 5 };

/* More than any window: what an ACK can be ahead of that which we know of (RFC 7323, 2.3). */
enum { WINDOW_MOST = 1 << 30 };

static void put16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void put32(uint8_t *to, uint32_t value)
{
	put16(to, (uint16_t)(value >> 16));
	put16(to + 2, (uint16_t)value);
}

static uint16_t get16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

static uint32_t sum16(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(bytes + i);
	return sum;
}

/* RFC 9293, 3.1, with the pseudo header of IPv4. IPv6's the kernel makes (IPV6_CHECKSUM). */
static uint16_t checksum(const struct tcp_probe *p, const uint8_t *segment)
{
	uint32_t sum = sum16(0, p->local, 4);

	sum = sum16(sum, p->peer, 4) + IPPROTO_TCP + TCP_PROBE_BYTES;
	sum = sum16(sum, segment, TCP_PROBE_BYTES);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void tcp_probe_segment(const struct tcp_probe *p, uint8_t ret_segment[TCP_PROBE_BYTES])
{
	uint8_t *s = ret_segment;

	memset(s, 0, TCP_PROBE_BYTES);
	put16(s + SOURCE, p->local_port);
	put16(s + DESTINATION, p->peer_port);
	put32(s + SEQUENCE, p->send_acked - 1);
	put32(s + ACKNOWLEDGMENT, p->receive_next - 1);
	s[OFFSET] = HEADER_WORDS << 4;
	s[FLAGS] = FLAG_ACK;
	put16(s + WINDOW, 1); /* of an old ACK nobody takes the window */
	if (p->family == AF_INET)
		put16(s + CHECKSUM, checksum(p, s));
}

enum tcp_answer tcp_probe_hear(const struct tcp_probe *p, const uint8_t *packet, size_t len)
{
	size_t at = 0;

	if (p->family == AF_INET) {
		if (len < 20 || packet[0] >> 4 != 4 || packet[9] != IPPROTO_TCP)
			return TCP_ANSWER_NONE;
		at = (size_t)(packet[0] & 0xf) * 4;
		if (at < 20 || memcmp(packet + 12, p->peer, 4) != 0)
			return TCP_ANSWER_NONE;
	}
	if (len < at + TCP_PROBE_BYTES)
		return TCP_ANSWER_NONE;
	const uint8_t *s = packet + at;

	if (get16(s + SOURCE) != p->peer_port || get16(s + DESTINATION) != p->local_port)
		return TCP_ANSWER_NONE;
	if (s[FLAGS] & FLAG_RST)
		return get32(s + SEQUENCE) == p->receive_next - 1 ? TCP_ANSWER_FORGOTTEN
								  : TCP_ANSWER_NONE;
	/*
	 * Its ACK, or data that it sends just now: it knows what we have sent. How much of that it
	 * has got, and what our program has written since, do not matter.
	 */
	return (s[FLAGS] & (FLAG_ACK | FLAG_SYN)) == FLAG_ACK &&
			       get32(s + ACKNOWLEDGMENT) - p->send_acked <= WINDOW_MOST
		       ? TCP_ANSWER_ALIVE
		       : TCP_ANSWER_NONE;
}

union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
};

/* A raw socket has no ports. */
static socklen_t address_of(union address *to, uint32_t family, const uint8_t *bytes)
{
	memset(to, 0, sizeof(*to));
	to->any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		memcpy(&to->four.sin_addr, bytes, 4);
		return sizeof(to->four);
	}
	memcpy(&to->six.sin6_addr, bytes, 16);
	return sizeof(to->six);
}

/* Only what comes from that port to ours: the link may be busy. */
static int filter(int fd, const struct tcp_probe *p)
{
	/* BPF_MSH: behind the header of IPv4; of IPv6 the packet begins with TCP. */
	struct sock_filter four[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, SOURCE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, p->peer_port, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, DESTINATION),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, p->local_port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 128),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter six[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SOURCE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, p->peer_port, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, DESTINATION),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, p->local_port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 128),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { ARRAY_SIZE(six), six };

	if (p->family == AF_INET)
		program = (struct sock_fprog){ ARRAY_SIZE(four), four };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

struct opening {
	const struct tcp_probe *probe;
	int fd;
};

/* In the namespace of the connection. */
static int open_socket(void *arg)
{
	struct opening *o = arg;
	const struct tcp_probe *p = o->probe;
	int offset = CHECKSUM, six = p->family == AF_INET6;
	union address local, peer;
	socklen_t len = address_of(&local, p->family, p->local);
	int fd = socket((int)p->family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	address_of(&peer, p->family, p->peer);
	if (fd < 0)
		return -errno;
	if (filter(fd, p) < 0 || bind(fd, &local.any, len) < 0 || connect(fd, &peer.any, len) < 0 ||
		(six && setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, &offset, sizeof(offset)) < 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	o->fd = fd;
	return 0;
}

/* Those that are asked just now. */
struct asking {
	struct tcp_probe *of[OPEN_MAX_PROBES];
	struct pollfd poll[OPEN_MAX_PROBES];
	uint64_t sent_ns[OPEN_MAX_PROBES];
	unsigned int tries[OPEN_MAX_PROBES];
	size_t n;
	uint64_t patience_ns;
};

static void fail(struct tcp_probe *p, int err)
{
	p->answer = TCP_ANSWER_FAILED;
	p->error = -err;
}

static bool send_to(struct asking *a, size_t i)
{
	uint8_t segment[TCP_PROBE_BYTES];

	tcp_probe_segment(a->of[i], segment);
	a->sent_ns[i] = clock_ns(CLOCK_MONOTONIC);
	a->tries[i]++;
	if (send(a->poll[i].fd, segment, sizeof(segment), MSG_NOSIGNAL) >= 0)
		return true;
	fail(a->of[i], -errno);
	return false;
}

static void ask(struct asking *a, struct tcp_probe *p)
{
	struct opening o = { p, -1 };
	int err = host_netns_do(p->netns, p->pid, open_socket, &o);

	if (err < 0) {
		fail(p, err);
		return;
	}
	a->of[a->n] = p;
	a->poll[a->n] = (struct pollfd){ o.fd, POLLIN, 0 };
	a->tries[a->n] = 0;
	if (send_to(a, a->n))
		a->n++;
	else
		close(o.fd);
}

static void listen_to(struct asking *a, size_t i)
{
	uint8_t packet[128];
	ssize_t n;

	while (a->of[i]->answer == TCP_ANSWER_NONE &&
		(n = recv(a->poll[i].fd, packet, sizeof(packet), 0)) > 0) {
		a->of[i]->answer = tcp_probe_hear(a->of[i], packet, (size_t)n);
		if (a->of[i]->answer != TCP_ANSWER_NONE)
			a->of[i]->rtt_ns = clock_ns(CLOCK_MONOTONIC) - a->sent_ns[i];
	}
}

/* Hear all until until_ns; those that have answered, or whose time is over, are done. */
static void hear(struct asking *a, uint64_t until_ns)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	int ms = until_ns > now ? (int)((until_ns - now) / 1000000) + 1 : 0;
	size_t kept = 0;

	poll(a->poll, a->n, ms);
	now = clock_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < a->n; i++) {
		listen_to(a, i);
		bool over = a->of[i]->answer != TCP_ANSWER_NONE;

		if (!over && now - a->sent_ns[i] >= a->patience_ns)
			over = a->tries[i] == TRIES || !send_to(a, i);
		if (over) {
			close(a->poll[i].fd);
			continue;
		}
		a->of[kept] = a->of[i];
		a->poll[kept] = a->poll[i];
		a->tries[kept] = a->tries[i];
		a->sent_ns[kept++] = a->sent_ns[i];
	}
	a->n = kept;
}

/* When the first of those that are asked has had its time. */
static uint64_t first_end(const struct asking *a)
{
	uint64_t first_ns = a->sent_ns[0];

	for (size_t i = 1; i < a->n; i++)
		first_ns = a->sent_ns[i] < first_ns ? a->sent_ns[i] : first_ns;
	return first_ns + a->patience_ns;
}

void tcp_probe_all(struct tcp_probe *p, size_t n, const struct tcp_probe_pace *pace)
{
	struct asking a = { .patience_ns = pace->patience_ns };
	uint64_t step_ns = (uint64_t)(1e9 / pace->rate), next_ns = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < n || a.n > 0;) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);

		if (i < n && a.n < OPEN_MAX_PROBES && now >= next_ns) {
			ask(&a, &p[i++]);
			next_ns = now + step_ns;
			continue;
		}
		uint64_t until_ns = a.n ? first_end(&a) : next_ns;

		if (i < n && a.n < OPEN_MAX_PROBES && next_ns < until_ns)
			until_ns = next_ns;
		hear(&a, until_ns);
	}
}
