/* SPDX-License-Identifier: MIT */
/* TCP sockets by eBPF: ticks made times, and on this machine the same rows as sock_diag's. */
#include "source/tcp_seen.h"
#include "tests/unit/run_source.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define TICK_NS UINT64_C(4000000)

static bool known(const struct tcp_diag *d, unsigned int column)
{
	return row_has(d->row.has, column);
}

static void ticks_become_times(void **state UNUSED)
{
	struct tcp_seen seen = { .family = AF_INET,
		.state = TCP_STATE_ESTABLISHED,
		.timer = 1,
		.jiffies = 100,
		.expires = 350,
		.last_sent = 50,
		.last_ack = UINT32_MAX - 149, /* the counter went over meanwhile */
		.last_received = 100,
		.srtt = 8000,
		.min_rtt = UINT32_MAX,
		.chrono = { 10, 20, 30 },
		.chrono_type = 2,
		.chrono_start = 95,
		.linger2 = -1,
		.retrans_stamp = 1000,
		.now_ms = 1500,
		.local = { 10, 0, 0, 1 },
		.peer = { 127, 0, 0, 1 },
		.rate_delivered = UINT32_MAX,
		.send_mss = UINT32_MAX,
		.rate_interval_us = 1 };
	struct tcp_diag d = { .row = { .netns = 4711 } };

	assert_true(tcp_seen_decode(&seen, TICK_NS, &d));
	assert_int_equal(d.row.timer_ns, SECOND);
	assert_int_equal(d.row.last_sent_ns, SECOND / 5);
	assert_int_equal(d.row.last_ack_ns, SECOND);
	assert_int_equal(d.row.last_received_ns, 0);
	assert_int_equal(d.row.rtt_ns, 1000000);
	assert_false(known(&d, TCP_SOCKET_min_rtt_ns));
	assert_int_equal(d.row.busy_ns, 65 * SECOND / 250);
	assert_int_equal(d.row.rwnd_limited_ns, 25 * SECOND / 250);
	assert_int_equal(d.row.linger2_ns, UINT64_MAX);
	assert_int_equal(d.row.trying_ns, SECOND / 2);
	assert_int_equal(d.row.loops, 1);
	/* Its time is over, and nobody has come to it yet. */
	seen.expires = 99;
	seen.retrans_stamp = 0;
	assert_true(tcp_seen_decode(&seen, TICK_NS, &d));
	assert_int_equal(d.row.timer_ns, 0);
	assert_false(known(&d, TCP_SOCKET_trying_ns));
	seen.kind = TCP_SEEN_TIME_WAIT;
	assert_true(tcp_seen_decode(&seen, TICK_NS, &d));
	assert_false(known(&d, TCP_SOCKET_last_sent_ns));
	assert_false(known(&d, TCP_SOCKET_keepalive));
	seen.state = TCP_STATES;
	assert_false(tcp_seen_decode(&seen, TICK_NS, &d));
	seen.state = 1;
	seen.family = 1;
	assert_false(tcp_seen_decode(&seen, TICK_NS, &d));
}

/* A listener, and both ends of a connection to it. */
struct pair {
	int listener, client, server;
};

static struct pair connect_pair(int family, bool mapped)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *address =
		family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
	socklen_t len = family == AF_INET ? sizeof(four) : sizeof(six);
	struct pair p = { socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), -1 };
	int off = 0;

	if (mapped) {
		six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
		six.sin6_addr.s6_addr[12] = 127;
		setsockopt(p.listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		setsockopt(p.client, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	}
	if (bind(p.listener, address, len) < 0 || listen(p.listener, 7) < 0 ||
		getsockname(p.listener, address, &len) < 0 || connect(p.client, address, len) < 0)
		return p;
	p.server = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
	return p;
}

static void set(int fd, int level, int option, int value)
{
	assert_int_equal(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

static const enum table_id tables[] = { TABLE_tcp_socket, TABLE_tcp_total, TABLE_tcp_tally,
	TABLE_tcp_flow, TABLE_none };

/* What does not change while nobody touches the socket. */
static const unsigned int still[] = { TCP_SOCKET_inode, TCP_SOCKET_state, TCP_SOCKET_family,
	TCP_SOCKET_local_port, TCP_SOCKET_peer_port, TCP_SOCKET_uid, TCP_SOCKET_receive_queue,
	TCP_SOCKET_send_queue, TCP_SOCKET_timer, TCP_SOCKET_timer_retransmits,
	TCP_SOCKET_retransmits, TCP_SOCKET_probes, TCP_SOCKET_backoff, TCP_SOCKET_unacked,
	TCP_SOCKET_send_mss, TCP_SOCKET_receive_mss, TCP_SOCKET_rtt_ns, TCP_SOCKET_min_rtt_ns,
	TCP_SOCKET_cwnd, TCP_SOCKET_notsent_bytes, TCP_SOCKET_send_window_bytes,
	TCP_SOCKET_acked_bytes, TCP_SOCKET_received_bytes, TCP_SOCKET_total_retransmits,
	TCP_SOCKET_drops, TCP_SOCKET_receive_buffer_bytes, TCP_SOCKET_receive_memory_bytes,
	TCP_SOCKET_segments_out, TCP_SOCKET_retransmitted_bytes, TCP_SOCKET_lost, TCP_SOCKET_rto_ns,
	TCP_SOCKET_delivery_bytes_per_s, TCP_SOCKET_send_buffer_bytes, TCP_SOCKET_send_memory_bytes,
	TCP_SOCKET_loops };
static const unsigned int times[] = { TCP_SOCKET_timer_ns, TCP_SOCKET_last_sent_ns,
	TCP_SOCKET_last_received_ns, TCP_SOCKET_last_ack_ns, TCP_SOCKET_busy_ns };

static void compare(const struct table *a, const struct tcp_socket *x, const struct table *b,
	const struct tcp_socket *y)
{
	for (size_t i = 0; i < ARRAY_SIZE(still); i++) {
		struct reading p = table_cell(a, x, still[i]), q = table_cell(b, y, still[i]);

		if (reading_ok(p) != reading_ok(q) || (reading_ok(p) && p.value != q.value))
			fail_msg("%s of port %u: %g, sock_diag %g",
				a->schema->columns[still[i]].name, x->local_port, p.value, q.value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct reading p = table_cell(a, x, times[i]), q = table_cell(b, y, times[i]);
		double off = p.value > q.value ? p.value - q.value : q.value - p.value;

		if (reading_ok(p) != reading_ok(q) || off > 2e9)
			fail_msg("%s of port %u: %g, sock_diag %g",
				a->schema->columns[times[i]].name, x->local_port, p.value, q.value);
	}
	assert_string_equal(table_text(a, x->local), table_text(b, y->local));
	assert_string_equal(table_text(a, x->peer), table_text(b, y->peer));
}

static const struct tcp_socket *of_port(const struct table *t, int fd, uint32_t state)
{
	struct sockaddr_in6 own = { 0 };
	socklen_t len = sizeof(own);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	for (table_each(const struct tcp_socket, s, t)) {
		if (s->local_port == ntohs(own.sin6_port) && s->state == state)
			return s;
	}
	fail_msg("no socket of port %u", ntohs(own.sin6_port));
	return NULL;
}

static void same_as_sock_diag(void **state UNUSED)
{
	struct table *bpf[TABLES] = { 0 }, *diag[TABLES] = { 0 };
	struct pair p[] = { connect_pair(AF_INET, false), connect_pair(AF_INET6, false),
		connect_pair(AF_INET6, true) };
	struct host *h;

	assert_int_equal(host_open_live(&h), 0);
	if (p[0].server < 0)
		skip();
	set(p[0].client, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(p[0].client, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	set(p[0].client, IPPROTO_TCP, TCP_KEEPINTVL, 11);
	set(p[0].client, IPPROTO_TCP, TCP_KEEPCNT, 5);
	set(p[0].client, IPPROTO_TCP, TCP_USER_TIMEOUT, 12345);
	set(p[0].client, IPPROTO_TCP, TCP_NODELAY, 1);
	assert_int_equal(write(p[0].server, "unread", 6), 6);
	/* One in TIME_WAIT. */
	if (p[1].server >= 0) {
		close(p[1].client);
		close(p[1].server);
	}
	usleep(50000);
	run_source(h, "tcp_bpf", bpf, tables, NULL, 0);
	if (bpf[TABLE_tcp_socket]->state != STATE_OK) {
		print_message("%s\n", bpf[TABLE_tcp_socket]->why);
		drop_tables(bpf);
		host_free(h);
		skip();
	}
	run_source(h, "tcp", diag, tables, NULL, 0);
	const struct table *a = bpf[TABLE_tcp_socket], *b = diag[TABLE_tcp_socket];

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		const int fds[] = { p[i].listener, p[i].client, p[i].server };

		for (size_t k = 0; k < ARRAY_SIZE(fds) && p[i].server >= 0; k++) {
			uint32_t want = k == 0 ? TCP_STATE_LISTEN : TCP_STATE_ESTABLISHED;

			if (i == 1 && k > 0)
				continue;
			const struct tcp_socket *x = of_port(a, fds[k], want);
			const struct tcp_socket *y = table_find(b, x->cookie);

			assert_non_null(y);
			compare(a, x, b, y);
		}
	}
	const struct tcp_socket *c = of_port(a, p[0].client, TCP_STATE_ESTABLISHED);

	assert_int_equal(c->keepalive, 1);
	assert_int_equal(c->keepalive_idle_ns, 77 * SECOND);
	assert_int_equal(c->keepalive_interval_ns, 11 * SECOND);
	assert_int_equal(c->keepalive_probes, 5);
	assert_int_equal(c->user_timeout_ns, 12345 * (SECOND / 1000));
	assert_int_equal(c->nonagle & 1, 1);
	assert_int_equal(c->timer, 2);
	assert_int_equal(c->receive_queue, 6);
	const struct tcp_socket *s = of_port(a, p[0].listener, TCP_STATE_LISTEN);

	assert_int_equal(s->keepalive, 0);
	assert_int_equal(s->send_queue, 7);
	drop_tables(bpf);
	drop_tables(diag);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_become_times),
		cmocka_unit_test(same_as_sock_diag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
