/* SPDX-License-Identifier: MIT */
/*
 * What one row of a TCP socket is taken for. The numbers are what labs of the same names had on
 * Linux 6.18; each is changed by one where another verdict begins.
 */
#include "model/tcp_verdict.h"
#include "tests/unit/build.h"

enum { MS = 1000000 };
#define HOUR (3600 * SECOND)

/* An idle connection with keepalive; all cells have a value. */
static struct tcp_socket idle(uint32_t state)
{
	struct tcp_socket s = { .inode = 5001,
		.state = state,
		.family = 2,
		.send_mss = 1448,
		.receive_mss = 536,
		.cwnd = 10,
		.rtt_ns = 3 * MS,
		.min_rtt_ns = 1 * MS,
		.last_sent_ns = SECOND,
		.last_received_ns = 2 * SECOND,
		.last_ack_ns = SECOND,
		.send_window_bytes = 65536,
		.receive_window_bytes = 65536,
		.receive_buffer_bytes = 131072,
		.send_buffer_bytes = 87040,
		.segments_out = 1000,
		.keepalive = 1 };

	s.has = UINT64_MAX >> (64 - schemas[TABLE_tcp_socket]->n_columns);
	return s;
}

#define IS(socket, verdict) assert_string_equal(tcp_verdict_name(tcp_judge(&(socket))), verdict)

static void healthy_states(void **state UNUSED)
{
	for (uint32_t i = 0; i < 16; i++) {
		struct tcp_socket s = idle(i);

		IS(s, "fine");
	}
}

static void peer_that_is_gone(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_ESTABLISHED);

	s.timer = TCP_TIMER_RETRANSMIT;
	s.timer_retransmits = s.retransmits = 3;
	s.send_queue = 100;
	s.unacked = 1;
	IS(s, "fine");
	s.retransmits = 4;
	IS(s, "peer-gone");
	s.state = TCP_STATE_CLOSE_WAIT;
	IS(s, "peer-gone");
	/* No process has it any more. */
	s.state = TCP_STATE_FIN_WAIT1;
	s.inode = 0;
	IS(s, "fin-wait1");
	s.state = TCP_STATE_CLOSING;
	IS(s, "fin-wait1");
	s.state = TCP_STATE_LAST_ACK;
	IS(s, "last-ack");
	s.retransmits = 2;
	IS(s, "fine");
	s = idle(TCP_STATE_SYN_SENT);
	s.timer = TCP_TIMER_RETRANSMIT;
	s.timer_retransmits = 1;
	IS(s, "fine");
	s.timer_retransmits = 2;
	IS(s, "syn-void");
	s.loops = 1;
	IS(s, "fine");
	s = idle(TCP_STATE_ESTABLISHED);
	s.timer = TCP_TIMER_KEEPALIVE;
	s.probes = 1;
	IS(s, "fine");
	s.probes = 2;
	IS(s, "keepalive-failing");
}

static void reader_that_does_not_read(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_ESTABLISHED);

	/* The writer: for how long its window is shut only the backoff tells. */
	s.timer = TCP_TIMER_PROBE;
	s.send_queue = s.notsent_bytes = 4096;
	s.send_window_bytes = 0;
	s.backoff = 4;
	IS(s, "fine");
	s.backoff = 5;
	IS(s, "zero-window");
	assert_int_equal(tcp_limit_of(&s), TCP_LIMIT_RECEIVER);
	s.notsent_bytes = 0;
	IS(s, "fine");
	/* The reader. */
	s = idle(TCP_STATE_ESTABLISHED);
	s.receive_queue = 65536;
	s.receive_window_bytes = 535;
	s.last_received_ns = 5 * SECOND - 1;
	IS(s, "fine");
	s.last_received_ns++;
	IS(s, "zero-window");
	s.receive_window_bytes++;
	IS(s, "fine");
	/* Before 6.2 the window is not told. */
	build_unset(&s, TCP_SOCKET_receive_window_bytes);
	s.receive_memory_bytes = 65536;
	IS(s, "zero-window");
	s.receive_memory_bytes--;
	IS(s, "fine");
}

static void process_that_forgets(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_CLOSE_WAIT);

	s.last_ack_ns = 60 * SECOND - 1;
	IS(s, "fine");
	s.last_ack_ns++;
	IS(s, "close-wait");
	build_unset(&s, TCP_SOCKET_last_ack_ns);
	IS(s, "fine");
	s = idle(TCP_STATE_CLOSE_WAIT);
	s.last_ack_ns = 60 * SECOND;
	s.inode = 0;
	IS(s, "never-accepted");
	s.state = TCP_STATE_ESTABLISHED;
	s.last_ack_ns = 5 * SECOND - 1;
	IS(s, "fine");
	s.last_ack_ns++;
	IS(s, "never-accepted");
	s = idle(TCP_STATE_FIN_WAIT2);
	s.last_ack_ns = 60 * SECOND;
	IS(s, "fin-wait2");
	/* The kernel drops it by itself. */
	s.inode = 0;
	IS(s, "fine");
	s = idle(TCP_STATE_LISTEN);
	s.receive_queue = s.send_queue = 128;
	IS(s, "fine");
	s.receive_queue++;
	IS(s, "listen-overflow");
}

static void small_write_that_waits(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_ESTABLISHED);

	s.timer = TCP_TIMER_RETRANSMIT;
	s.unacked = 1;
	s.send_queue = 500;
	s.notsent_bytes = 300;
	s.last_sent_ns = 13 * MS - 1;
	IS(s, "fine");
	assert_int_equal(tcp_limit_of(&s), TCP_LIMIT_NAGLE);
	s.last_sent_ns++;
	IS(s, "nagle");
	/* What came within a round trip and a tick may have been sent before that arrived. */
	s.last_received_ns = 8 * MS;
	IS(s, "nagle");
	s.last_received_ns = 8 * MS - 1;
	IS(s, "fine");
	s.last_received_ns = SECOND;
	s.last_ack_ns = 0;
	IS(s, "fine");
	s.last_ack_ns = SECOND;
	s.notsent_bytes = s.send_mss;
	s.send_queue = 200 + s.send_mss;
	IS(s, "fine");
	s.notsent_bytes = 300;
	s.send_queue = 500;
	s.unacked = s.cwnd;
	IS(s, "fine");
	assert_int_equal(tcp_limit_of(&s), TCP_LIMIT_CONGESTION);
	s.unacked = 1;
	s.send_window_bytes = 499;
	IS(s, "fine");
	s.send_window_bytes = 500;
	IS(s, "nagle");
	s.segments_out = 31;
	IS(s, "fine");
	s.segments_out = 32;
	IS(s, "nagle");
	s.retransmits = 1;
	IS(s, "fine");
}

static void loss(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_ESTABLISHED);

	s.segments_out = 400;
	s.total_retransmits = 19;
	IS(s, "fine");
	s.total_retransmits = 20;
	IS(s, "retrans");
	s.segments_out = 500;
	IS(s, "fine");
	s.segments_out = 499; /* 4 % */
	IS(s, "fine");
	/* That was long ago. */
	s.segments_out = 400;
	s.last_sent_ns = 30 * SECOND;
	IS(s, "fine");
	s.unacked = 1;
	IS(s, "retrans");
	/* A number that makes every product overflow. */
	s.segments_out = UINT64_MAX;
	s.total_retransmits = UINT64_MAX / 2;
	IS(s, "retrans");
}

static void nobody_would_notice(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_ESTABLISHED);

	s.last_sent_ns = s.last_received_ns = s.last_ack_ns = 2 * HOUR;
	IS(s, "fine"); /* keepalive, and its timer is not known to run */
	s.keepalive = 0;
	IS(s, "half-open");
	build_unset(&s, TCP_SOCKET_keepalive);
	IS(s, "half-open");
	s.last_ack_ns--;
	IS(s, "fine");
	s.last_ack_ns++;
	s.loops = 1;
	IS(s, "fine");
	s.loops = 0;
	s.timer = TCP_TIMER_KEEPALIVE;
	IS(s, "fine");
	s.timer = TCP_TIMER_NONE;
	build_unset(&s, TCP_SOCKET_last_ack_ns);
	assert_int_equal(tcp_silence_ns(&s), -1);
	IS(s, "fine");
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/*
 * What src/bpf/tcp_socket.bpf.c, is_quiet(), only counts must be fine whatever the rest of it is.
 */
static void quiet_ones_are_fine(void **state UNUSED)
{
	const struct schema *schema = schemas[TABLE_tcp_socket];
	uint64_t seed = 4711;

	for (int i = 0; i < 200000; i++) {
		struct tcp_socket s = { .has = UINT64_MAX };

		for (unsigned int c = 0; c < schema->n_columns; c++)
			row_put(schema, &s, c, next_random(&seed) % (i % 2 ? UINT32_MAX : 100));
		s.has = next_random(&seed) << 40 ^ next_random(&seed) << 20 ^ next_random(&seed);
		row_set(&s.has, TCP_SOCKET_last_ack_ns);
		s.state = TCP_STATE_ESTABLISHED;
		s.inode = 1 + next_random(&seed);
		s.send_queue = s.receive_queue = s.notsent_bytes = 0;
		s.probes = 0;
		s.total_retransmits = s.retransmits = 0;
		s.last_ack_ns = next_random(&seed) % 3600 * SECOND;
		IS(s, "fine");
		s.state = TCP_STATE_TIME_WAIT;
		IS(s, "fine");
	}
}

static void what_limits(void **state UNUSED)
{
	struct tcp_socket s = idle(TCP_STATE_ESTABLISHED);

	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "application");
	s.send_queue = 80000;
	s.unacked = 5;
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "network");
	s.send_memory_bytes = s.send_buffer_bytes;
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "send-buffer");
	s.notsent_bytes = 20000;
	s.send_window_bytes = 61000;
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "receiver");
	s.send_window_bytes = 100000;
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "other");
	s.lost = 1;
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "network");
	s = idle(TCP_STATE_LISTEN);
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "none");
	s = idle(TCP_STATE_SYN_SENT);
	assert_string_equal(tcp_limit_name(tcp_limit_of(&s)), "network");
}

static void names(void **state UNUSED)
{
	enum tcp_verdict v;

	for (int i = 0; i < TCP_VERDICTS; i++) {
		const char *name = tcp_verdict_name((enum tcp_verdict)i);

		assert_true(tcp_verdict_parse(name, strlen(name), &v));
		assert_int_equal(v, i);
		assert_true(strlen(tcp_verdict_text((enum tcp_verdict)i)) > 20);
	}
	assert_false(tcp_verdict_parse("nagl", 4, &v));
	assert_false(tcp_verdict_parse("", 0, &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(healthy_states),
		cmocka_unit_test(peer_that_is_gone),
		cmocka_unit_test(reader_that_does_not_read),
		cmocka_unit_test(process_that_forgets),
		cmocka_unit_test(small_write_that_waits),
		cmocka_unit_test(loss),
		cmocka_unit_test(nobody_would_notice),
		cmocka_unit_test(quiet_ones_are_fine),
		cmocka_unit_test(what_limits),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
