/* SPDX-License-Identifier: MIT */
/* What the kernel does next with a connection: each of its rules once, and rows without sense. */
#include "model/tcp_future.h"
#include "model/tcp.h"
#include "tests/unit/unit.h"
#include "view/tcp_end.h"

#include <errno.h>

#define MS UINT64_C(1000000)
#define S (1000 * MS)

enum { ON = 1, KEEPALIVE, TIME_WAIT, PROBE }; /* timers */

#define KNOWN(column) ((has_t)1 << TCP_SOCKET_##column)

/* What sock_diag tells of any connection. */
static const has_t dump_has = KNOWN(state) | KNOWN(inode) | KNOWN(timer) | KNOWN(timer_ns) |
			      KNOWN(timer_retransmits) | KNOWN(retransmits) | KNOWN(probes) |
			      KNOWN(backoff) | KNOWN(rto_ns) | KNOWN(rtt_ns) | KNOWN(last_sent_ns) |
			      KNOWN(last_received_ns) | KNOWN(last_ack_ns) |
			      KNOWN(send_window_bytes);

/* And what eBPF adds: no option is set. */
static const has_t options_has = KNOWN(keepalive_idle_ns) | KNOWN(keepalive_interval_ns) |
				 KNOWN(keepalive_probes) | KNOWN(user_timeout_ns) |
				 KNOWN(syn_retries) | KNOWN(linger2_ns);

static struct tcp_socket row(uint32_t state, uint32_t timer, uint64_t timer_ns)
{
	return (struct tcp_socket){ .has = dump_has | options_has,
		.inode = 7,
		.state = state,
		.timer = timer,
		.timer_ns = timer_ns,
		.rto_ns = 204 * MS,
		.rtt_ns = 50000,
		.send_window_bytes = 65536 };
}

/* Linux 6.18, HZ 250, as a new namespace has it. */
static struct netns_setting settings(void)
{
	struct netns_setting set = { .retries2 = 15,
		.orphan_retries = 0,
		.syn_retries = 6,
		.synack_retries = 5,
		.syn_linear_timeouts = 4,
		.keepalive_ns = 7200 * S,
		.keepalive_interval_ns = 75 * S,
		.keepalive_probes = 9,
		.fin_timeout_ns = 60 * S,
		.rto_min_ns = 200 * MS,
		.rto_max_ns = 120 * S,
		.tick_ns = 4 * MS };

	set.has = ((has_t)1 << schemas[TABLE_netns_setting]->n_columns) - 1;
	return set;
}

static struct tcp_end future(const struct tcp_socket *s)
{
	struct netns_setting set = settings();

	return tcp_future(s, &set);
}

/* Within that many ns of what the kernel did. */
static void assert_end(const struct tcp_end *e, enum tcp_end_what what, const char *rule,
	uint64_t ns, uint64_t off)
{
	assert_string_equal(tcp_end_name(e->what), tcp_end_name(what));
	assert_string_equal(e->rule, rule);
	assert_in_range(e->in_ns, ns > off ? ns - off : 0, ns + off);
	assert_in_range(e->in_ns, e->least_ns, e->most_ns);
}

/*
 * Rows of ss -tinoe, Linux 6.18.44, HZ 250, its own settings, and the seconds until the socket was
 * gone or poll(2) told ETIMEDOUT.
 */
static void as_it_was(void **state UNUSED)
{
	static const struct {
		uint32_t tcp_state, timer, tries, backoff;
		uint64_t inode, timer_ms, rto_ms, last_sent_ms, last_ack_ms;
		enum tcp_end_what what;
		int error;
		double s;
	} cases[] = {
		{ TCP_STATE_ESTABLISHED, ON, 4, 4, 7, 1496, 3264, 1768, 8136, TCP_END_FAILS,
			ETIMEDOUT, 933.0 },
		{ TCP_STATE_ESTABLISHED, ON, 7, 7, 7, 7084, 26112, 19028, 48852, TCP_END_FAILS,
			ETIMEDOUT, 892.3 },
		{ TCP_STATE_ESTABLISHED, ON, 9, 9, 7, 7384, 104448, 97064, 206760, TCP_END_FAILS,
			ETIMEDOUT, 734.4 },
		{ TCP_STATE_ESTABLISHED, ON, 12, 12, 7, 9336, 120000, 110664, 568520, TCP_END_FAILS,
			ETIMEDOUT, 372.7 },
		{ TCP_STATE_ESTABLISHED, ON, 15, 15, 7, 14000, 120000, 105464, 925816,
			TCP_END_FAILS, ETIMEDOUT, 15.4 },
		{ TCP_STATE_FIN_WAIT1, ON, 5, 5, 0, 2896, 6528, 3632, 13232, TCP_END_FREED, 0,
			96.5 },
		{ TCP_STATE_FIN_WAIT1, ON, 8, 8, 0, 24000, 52224, 28036, 84484, TCP_END_FREED, 0,
			25.2 },
		{ TCP_STATE_SYN_SENT, ON, 0, 0, 7, 988, 1000, 1687380, 1687380,
			TCP_END_CONNECT_FAILS, ETIMEDOUT, 133.3 },
		{ TCP_STATE_SYN_SENT, ON, 5, 1, 7, 1992, 2000, 1687380, 1687380,
			TCP_END_CONNECT_FAILS, ETIMEDOUT, 128.2 },
		{ TCP_STATE_SYN_SENT, ON, 8, 4, 7, 9912, 16000, 1687380, 1687380,
			TCP_END_CONNECT_FAILS, ETIMEDOUT, 107.8 },
		{ TCP_STATE_SYN_SENT, ON, 10, 6, 7, 9548, 64000, 1687380, 1687380,
			TCP_END_CONNECT_FAILS, ETIMEDOUT, 11.1 },
		{ TCP_STATE_FIN_WAIT2, TIME_WAIT, 0, 0, 0, 32000, 0, 0, 0, TCP_END_FIN_WAIT2, 0,
			34.0 },
		{ TCP_STATE_TIME_WAIT, TIME_WAIT, 0, 0, 0, 57000, 0, 0, 0, TCP_END_TIME_WAIT, 0,
			59.5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tcp_socket s =
			row(cases[i].tcp_state, cases[i].timer, cases[i].timer_ms * MS);

		s.inode = cases[i].inode;
		s.timer_retransmits = cases[i].tries;
		s.retransmits = cases[i].timer == ON ? cases[i].tries : 0;
		s.probes = cases[i].timer == PROBE ? cases[i].tries : 0;
		s.backoff = cases[i].backoff;
		s.rto_ns = cases[i].rto_ms * MS;
		s.last_sent_ns = cases[i].last_sent_ms * MS;
		s.last_ack_ns = cases[i].last_ack_ms * MS;
		s.send_window_bytes = cases[i].timer == PROBE ? 0 : 65536;
		struct tcp_end e = future(&s);

		assert_int_equal(e.what, cases[i].what);
		assert_int_equal(e.error, cases[i].error);
		assert_float_equal(
			(double)e.in_ns / 1e9, cases[i].s, cases[i].s < 200 ? 2 : cases[i].s / 100);
		assert_false(e.assumed && cases[i].tcp_state != TCP_STATE_SYN_RECV);
		assert_false(e.settings_assumed);
	}
}

static struct tcp_socket retried(uint32_t n)
{
	struct tcp_socket s = row(TCP_STATE_ESTABLISHED, ON, 204 * MS << n);

	s.retransmits = s.timer_retransmits = s.backoff = n;
	s.rto_ns = 204 * MS << n;
	s.last_ack_ns = 3600 * S;
	return s;
}

static void forget(struct tcp_socket *s, has_t columns)
{
	s->has &= ~columns;
}

static void data_without_an_answer(void **state UNUSED)
{
	struct tcp_socket s = retried(3);
	struct netns_setting set = settings();
	struct tcp_end e = future(&s);

	/* 924.6 s from the first of three retransmits on, at the next time that the timer fires. */
	assert_end(&e, TCP_END_FAILS, "net.ipv4.tcp_retries2", 936 * S, 4 * S);
	set.retries2 = 3;
	s.rto_ns = 1632 * MS;
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_FAILS, "net.ipv4.tcp_retries2", 4900 * MS, 300 * MS);
	/* What retrans_stamp says goes before what is derived. */
	row_set(&s.has, TCP_SOCKET_trying_ns);
	s.trying_ns = 20 * S;
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_FAILS, "net.ipv4.tcp_retries2", 1632 * MS, 50 * MS);
	assert_int_equal(e.error, ETIMEDOUT);
	/* Unanswered for the first time only just now: that is nothing yet. */
	s.retransmits = 0;
	assert_int_equal(tcp_future(&s, &set).what, TCP_END_NOTHING);
	/* A shorter maximum: tcp_rto_max_ms. */
	s = retried(3);
	set = settings();
	set.rto_max_ns = 10 * S;
	e = tcp_future(&s, &set);
	assert_in_range(e.in_ns, 100 * S, 125 * S);
}

static void unreachable(void **state UNUSED)
{
	struct tcp_socket s = retried(5);

	s.backoff = 1;
	s.rto_ns = 408 * MS;
	s.timer_ns = 300 * MS;
	struct tcp_end e = future(&s);

	assert_int_equal(e.what, TCP_END_FAILS);
	assert_int_equal(e.error, EHOSTUNREACH);
	assert_true(e.unreachable);
	/* The timer does not grow, the time is the same. */
	assert_in_range(e.in_ns, 900 * S, 930 * S);
	/* eBPF shows what ICMP said, also where the timer was not called back. */
	row_put(schemas[TABLE_tcp_socket], &s, TCP_SOCKET_soft_error, ENETUNREACH);
	assert_int_equal(future(&s).error, ENETUNREACH);
	s = retried(5);
	assert_int_equal(future(&s).error, ETIMEDOUT);
	row_put(schemas[TABLE_tcp_socket], &s, TCP_SOCKET_soft_error, EHOSTUNREACH);
	assert_int_equal(future(&s).error, EHOSTUNREACH);
	assert_false(future(&s).unreachable);
	/* Called back, but answered since. */
	row_put(schemas[TABLE_tcp_socket], &s, TCP_SOCKET_soft_error, 0);
	assert_int_equal(future(&s).error, ETIMEDOUT);
}

static void user_timeouts(void **state UNUSED)
{
	struct tcp_socket s = retried(3);
	struct tcp_end e;

	s.user_timeout_ns = 20 * S;
	row_set(&s.has, TCP_SOCKET_trying_ns);
	s.trying_ns = 5 * S;
	e = future(&s);
	assert_end(&e, TCP_END_FAILS, "TCP_USER_TIMEOUT", 15 * S, 200 * MS);
	assert_false(e.assumed);
	/* Without eBPF: the default, and it is said so. */
	forget(&s, KNOWN(user_timeout_ns));
	e = future(&s);
	assert_true(e.assumed);
	assert_string_equal(e.rule, "net.ipv4.tcp_retries2");
	/* But a timer that was cut tells of it. */
	s.last_sent_ns = 400 * MS;
	s.timer_ns = 600 * MS;
	e = future(&s);
	assert_end(&e, TCP_END_FAILS, "TCP_USER_TIMEOUT", 600 * MS, 50 * MS);
	assert_false(e.assumed);
	/* Not where an answer came since. */
	s.last_ack_ns = 100 * MS;
	assert_true(future(&s).assumed);
}

static void closed_windows(void **state UNUSED)
{
	struct tcp_socket s = row(TCP_STATE_ESTABLISHED, PROBE, 800 * MS);
	struct tcp_end e;

	s.probes = s.timer_retransmits = s.backoff = 2;
	/* .8 + 1.6 + ... + 104 s, then 120 s six times: fifteen probes. */
	e = future(&s);
	assert_end(&e, TCP_END_FAILS, "net.ipv4.tcp_retries2", 937 * S, 8 * S);
	/* The peer answers: for ever. */
	s.probes = 0;
	assert_int_equal(future(&s).what, TCP_END_NOTHING);
	/* Unless the program sets a limit. */
	s.user_timeout_ns = 10 * S;
	e = future(&s);
	assert_end(&e, TCP_END_FAILS, "TCP_USER_TIMEOUT", 9600 * MS, 600 * MS);
	/* An orphan. */
	s = row(TCP_STATE_FIN_WAIT1, PROBE, 800 * MS);
	s.inode = 0;
	s.probes = s.backoff = 2;
	e = future(&s);
	assert_end(&e, TCP_END_FREED, "net.ipv4.tcp_orphan_retries", 105 * S, 2 * S);
	assert_int_equal(e.error, 0);
	/* Something is not acknowledged and the window is closed: twice 120 s. */
	s = retried(5);
	s.retransmits = 0;
	s.send_window_bytes = 0;
	s.last_ack_ns = 30 * S;
	e = future(&s);
	assert_int_equal(e.what, TCP_END_FAILS);
	assert_in_range(e.in_ns, 210 * S, 340 * S);
	s.last_ack_ns = 10 * MS;
	s.timer_ns = 6000 * MS;
	assert_int_equal(future(&s).what, TCP_END_NOTHING);
}

static void connecting(void **state UNUSED)
{
	struct tcp_socket s = row(TCP_STATE_SYN_SENT, ON, 1 * S);
	struct netns_setting set = settings();
	struct tcp_end e;

	s.rto_ns = 1 * S;
	e = future(&s);
	assert_end(&e, TCP_END_CONNECT_FAILS, "net.ipv4.tcp_syn_retries", 132500 * MS, 2 * S);
	assert_memory_equal(tcp_future_text(&e).s, "connect() fails in 2 min 1", 26);
	/* Before 6.5 there was no linear begin. */
	set.has &= ~((has_t)1 << NETNS_SETTING_syn_linear_timeouts);
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_CONNECT_FAILS, "net.ipv4.tcp_syn_retries", 128 * S, 2 * S);
	s.syn_retries = 2;
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_CONNECT_FAILS, "TCP_SYNCNT", 7 * S, 400 * MS);
	s.user_timeout_ns = 5 * S;
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_CONNECT_FAILS, "TCP_USER_TIMEOUT", 5 * S, 400 * MS);
}

static void keepalive(void **state UNUSED)
{
	struct tcp_socket s = row(TCP_STATE_ESTABLISHED, KEEPALIVE, 3600 * S);
	struct tcp_end e;

	s.last_ack_ns = s.last_received_ns = 3600 * S;
	e = future(&s);
	assert_end(&e, TCP_END_PROBE, "net.ipv4.tcp_keepalive_time", 3600 * S, 70 * S);
	/* Somebody spoke since it was set: it will be set again. */
	s.last_received_ns = 600 * S;
	e = future(&s);
	assert_end(&e, TCP_END_PROBE, "net.ipv4.tcp_keepalive_time", 6600 * S, 140 * S);
	s.keepalive_idle_ns = 3700 * S;
	e = future(&s);
	assert_end(&e, TCP_END_PROBE, "net.ipv4.tcp_keepalive_time", 3600 * S, 80 * S);
	s = row(TCP_STATE_ESTABLISHED, KEEPALIVE, 30 * S);
	s.last_ack_ns = s.last_received_ns = 7200 * S + 120 * S;
	s.probes = s.timer_retransmits = 2;
	e = future(&s);
	assert_end(&e, TCP_END_KEEPALIVE, "net.ipv4.tcp_keepalive_probes", 563 * S, 9 * S);
	assert_int_equal(e.error, ETIMEDOUT);
	s.user_timeout_ns = 7400 * S;
	e = future(&s);
	assert_end(&e, TCP_END_KEEPALIVE, "TCP_USER_TIMEOUT", 106 * S, 3 * S);
	forget(&s, KNOWN(keepalive_probes));
	assert_true(future(&s).assumed);
}

static void orphans_and_rests(void **state UNUSED)
{
	struct tcp_socket s = retried(4);
	struct netns_setting set = settings();
	struct tcp_end e;

	/* The last retransmits are at 120 s: then tcp_orphan_retries counts as it is, 0. */
	s.state = TCP_STATE_LAST_ACK;
	s.inode = 0;
	e = future(&s);
	assert_end(&e, TCP_END_FREED, "net.ipv4.tcp_orphan_retries", 102 * S, 2 * S);
	s.inode = 9; /* shutdown(2), not close(2) */
	assert_int_equal(future(&s).what, TCP_END_FAILS);
	s = row(TCP_STATE_FIN_WAIT2, TIME_WAIT, 41 * S);
	s.inode = 0;
	e = future(&s);
	assert_end(&e, TCP_END_FIN_WAIT2, "net.ipv4.tcp_fin_timeout", 42 * S, 1 * S);
	/* What goes beyond a minute comes twice. */
	s.timer = KEEPALIVE;
	s.timer_ns = 10 * S;
	set.fin_timeout_ns = 90 * S;
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_FIN_WAIT2, "net.ipv4.tcp_fin_timeout", 42 * S, 1 * S);
	s.linger2_ns = UINT64_MAX;
	e = tcp_future(&s, &set);
	assert_end(&e, TCP_END_FIN_WAIT2, "TCP_LINGER2", 10 * S, 1 * S);
	s = row(TCP_STATE_TIME_WAIT, TIME_WAIT, 30 * S);
	e = future(&s);
	assert_end(&e, TCP_END_TIME_WAIT, "TCP_TIMEWAIT_LEN", 31 * S, 1 * S);
	s = row(TCP_STATE_SYN_RECV, ON, 500 * MS);
	s.has &= ~KNOWN(rto_ns) & ~KNOWN(retransmits);
	e = future(&s);
	assert_end(&e, TCP_END_HALF_OPEN, "net.ipv4.tcp_synack_retries", 63600 * MS, 1500 * MS);
}

static void nothing_is_due(void **state UNUSED)
{
	static const struct {
		uint32_t state, timer;
	} cases[] = { { TCP_STATE_ESTABLISHED, 0 }, { TCP_STATE_ESTABLISHED, ON },
		{ TCP_STATE_CLOSE_WAIT, 0 }, { TCP_STATE_LISTEN, ON }, { TCP_STATE_CLOSE, ON },
		{ TCP_STATE_SYN_RECV, KEEPALIVE }, { TCP_STATE_ESTABLISHED, 9 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tcp_socket s = row(cases[i].state, cases[i].timer, S);
		struct tcp_end e = future(&s);

		assert_int_equal(e.what, TCP_END_NOTHING);
		assert_string_equal(e.rule, "");
		assert_string_equal(tcp_future_text(&e).s, "");
	}
}

/* A row of an old kernel, of a request, or of nothing. */
static void what_is_unknown(void **state UNUSED)
{
	struct tcp_socket s = retried(3);
	struct tcp_end with = future(&s), without = tcp_future(&s, NULL);

	assert_int_equal(with.in_ns, without.in_ns);
	assert_true(without.settings_assumed);
	assert_false(with.settings_assumed);
	s.has = 0;
	assert_int_equal(future(&s).what, TCP_END_NOTHING);
	for (uint32_t state_ = 0; state_ < TCP_STATES; state_++) {
		for (uint32_t timer = 0; timer < 6; timer++) {
			struct netns_setting none = { 0 };

			s = row(state_, timer, S);
			s.has = KNOWN(state) | KNOWN(inode) | KNOWN(timer) | KNOWN(timer_ns);
			assert_true(tcp_future(&s, &none).in_ns < 200 * S);
		}
	}
}

/* Bounded and in order, whatever stands there. */
static void absurd_rows(void **state UNUSED)
{
	static const uint64_t values[] = { 0, 1, 64, 255, S, UINT32_MAX, UINT64_MAX / 2,
		UINT64_MAX };
	struct netns_setting set = settings();
	uint64_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		struct tcp_socket s = { .has = UINT64_MAX >> (i % 3) };
		const struct schema *schema = schemas[TABLE_tcp_socket];

		for (unsigned int k = 0; k < schema->n_columns; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			if (k != TCP_SOCKET_local && k != TCP_SOCKET_peer)
				row_put(schema, &s, k, values[seed >> 61]);
		}
		s.state = (uint32_t)(seed >> 40) % 14;
		s.timer = (uint32_t)(seed >> 50) % 6;
		if (i % 2)
			s.inode = 0;
		for (unsigned int k = 1; i % 7 == 0 && k < schemas[TABLE_netns_setting]->n_columns;
			k++)
			row_put(schemas[TABLE_netns_setting], &set, k,
				values[(seed >> (k + 8)) & 7]);
		struct tcp_end e = tcp_future(&s, i % 5 ? &set : NULL);

		assert_true(e.least_ns <= e.in_ns && e.in_ns <= e.most_ns);
		assert_true(e.most_ns < 1000ull * 86400 * S);
		assert_non_null(e.rule);
		assert_true(strlen(tcp_future_text(&e).s) < sizeof(tcp_future_text(&e).s) - 1);
	}
}

static void in_words(void **state UNUSED)
{
	struct tcp_end e = { TCP_END_FAILS, .error = ETIMEDOUT, .in_ns = 890 * S };

	assert_string_equal(tcp_future_text(&e).s, "ETIMEDOUT in 14 min 50 s");
	e.assumed = true;
	assert_string_equal(tcp_future_text(&e).s, "ETIMEDOUT in ~14 min 50 s");
	e = (struct tcp_end){ TCP_END_FIN_WAIT2, .in_ns = 41 * S };
	assert_string_equal(tcp_future_text(&e).s, "FIN_WAIT2 gone in 41 s");
	e = (struct tcp_end){ TCP_END_PROBE, .in_ns = 7200 * S };
	assert_string_equal(tcp_future_text(&e).s, "keepalive probe in 2 h");
	e = (struct tcp_end){ TCP_END_KEEPALIVE, .error = EHOSTUNREACH, .in_ns = 2500 * MS };
	assert_string_equal(tcp_future_text(&e).s, "EHOSTUNREACH in 2.5 s");
	assert_string_equal(tcp_end_name(TCP_ENDS), "nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_was),
		cmocka_unit_test(data_without_an_answer),
		cmocka_unit_test(unreachable),
		cmocka_unit_test(user_timeouts),
		cmocka_unit_test(closed_windows),
		cmocka_unit_test(connecting),
		cmocka_unit_test(keepalive),
		cmocka_unit_test(orphans_and_rests),
		cmocka_unit_test(nothing_is_due),
		cmocka_unit_test(what_is_unknown),
		cmocka_unit_test(absurd_rows),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
