/* SPDX-License-Identifier: MIT */
/* Connections that get no answer, are not accepted, or of whose end nobody would hear. */
#include "tests/unit/build_net.h"

extern const struct check check_tcp_peer_gone, check_tcp_syn_void, check_tcp_keepalive_failing,
	check_tcp_fin_wait1, check_tcp_fin_wait2, check_tcp_last_ack, check_tcp_never_accepted,
	check_tcp_half_open, check_tcp_slow_reader;

enum { LISTENER = 1000000 };

static struct tcp_socket *add_silent(
	struct scene *s, uint64_t cookie, uint32_t state, uint32_t timer, uint32_t tries)
{
	struct tcp_socket *now = add_socket(&s->now, cookie, "192.0.2.9");

	now->state = state;
	now->timer = timer;
	now->timer_retransmits = state == TCP_STATE_SYN_SENT ? tries : 0;
	now->retransmits = timer == 1 ? tries : 0;
	now->probes = timer == 1 ? 0 : tries;
	return now;
}

static void add_listener(struct scene *s, uint32_t port)
{
	struct tcp_socket *l = add_socket(&s->now, LISTENER, "0.0.0.0");

	l->local = build_text(&s->now, TABLE_tcp_socket, "0.0.0.0");
	l->state = TCP_STATE_LISTEN;
	l->local_port = port;
}

/* Sockets, state, timer, tries, is there a listener on their local port. */
static void who_gets_no_answer(void **state UNUSED)
{
	static const struct {
		const struct check *check;
		uint64_t sockets;
		uint32_t state, timer, tries;
		bool server;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ &check_tcp_syn_void, 4, TCP_STATE_SYN_SENT, 1, 2, false, VERDICT_SAD,
			SEVERITY_WARNING },
		{ &check_tcp_syn_void, 3, TCP_STATE_SYN_SENT, 1, 5, false, VERDICT_FINE, 0 },
		{ &check_tcp_syn_void, 1, TCP_STATE_SYN_SENT, 1, 6, false, VERDICT_SAD,
			SEVERITY_INFO },
		{ &check_tcp_syn_void, 4, TCP_STATE_SYN_SENT, 1, 1, false, VERDICT_FINE, 0 },
		{ &check_tcp_peer_gone, 4, TCP_STATE_ESTABLISHED, 1, 4, false, VERDICT_SAD,
			SEVERITY_WARNING },
		{ &check_tcp_peer_gone, 4, TCP_STATE_CLOSE_WAIT, 1, 4, false, VERDICT_SAD,
			SEVERITY_WARNING },
		{ &check_tcp_peer_gone, 4, TCP_STATE_ESTABLISHED, 1, 3, false, VERDICT_FINE, 0 },
		{ &check_tcp_peer_gone, 3, TCP_STATE_ESTABLISHED, 1, 5, false, VERDICT_FINE, 0 },
		{ &check_tcp_peer_gone, 1, TCP_STATE_ESTABLISHED, 1, 6, false, VERDICT_SAD,
			SEVERITY_WARNING },
		/* A browser that is gone. */
		{ &check_tcp_peer_gone, 6, TCP_STATE_ESTABLISHED, 1, 9, true, VERDICT_FINE, 0 },
		{ &check_tcp_keepalive_failing, 4, TCP_STATE_ESTABLISHED, 2, 2, false, VERDICT_SAD,
			SEVERITY_WARNING },
		{ &check_tcp_keepalive_failing, 1, TCP_STATE_ESTABLISHED, 2, 2, false, VERDICT_SAD,
			SEVERITY_INFO },
		{ &check_tcp_keepalive_failing, 9, TCP_STATE_ESTABLISHED, 2, 1, false, VERDICT_FINE,
			0 },
		{ &check_tcp_keepalive_failing, 9, TCP_STATE_ESTABLISHED, 2, 5, true, VERDICT_FINE,
			0 },
		/* Window probes: tcp.zero-window's. */
		{ &check_tcp_keepalive_failing, 9, TCP_STATE_ESTABLISHED, 4, 5, false, VERDICT_FINE,
			0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		for (uint64_t k = 0; k < cases[i].sockets; k++) {
			struct tcp_socket *one =
				add_silent(&s, k, cases[i].state, cases[i].timer, cases[i].tries);

			one->local_port = cases[i].server ? 443 : one->local_port;
			add_owner(&s, k);
		}
		if (cases[i].server)
			add_listener(&s, 443);
		const struct finding *f =
			scene_case(&s, cases[i].check, i, cases[i].verdict, cases[i].severity);

		if (f) {
			assert_string_equal(f->culprits[0].name, "192.0.2.9:5432");
			assert_int_equal(f->n_victims, 1);
			assert_int_equal(f->victims[0].pid, SELF);
		}
		scene_end(&s);
	}
}

/* Each of so many asks whether it was accepted here: ends at once, or not in a minute. */
static void many_silent_connections(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t k = 0; k < 100000; k++)
		add_silent(&s, k, TCP_STATE_ESTABLISHED, 1, 9)->local_port =
			k % 2 ? 443 : 10000 + (uint32_t)(k % 50000);
	add_listener(&s, 443);
	build_table(&s.now, TABLE_socket_owner);
	assert_int_equal(scene_judge(&s, &check_tcp_peer_gone), VERDICT_SAD);
	/* Those that came to the listener are clients that went away. */
	assert_float_equal(scene_only(&s)->evidence[0].value.value, 50000, 0);
	scene_end(&s);
}

static void owners_are_asked_for(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t k = 0; k < 4; k++)
		add_silent(&s, k, TCP_STATE_ESTABLISHED, 1, 4);
	assert_int_equal(scene_judge(&s, &check_tcp_peer_gone), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 4);
	scene_end(&s);
}

/* What is closed has no process; the clients of one address have a port each. */
static void orphans_are_counted_by_address(void **state UNUSED)
{
	static const struct {
		const struct check *check;
		uint64_t sockets;
		uint32_t state, timer, tries;
		bool held;
		enum verdict verdict;
		bool young;
	} cases[] = {
		{ &check_tcp_fin_wait1, 10, TCP_STATE_FIN_WAIT1, 1, 3, false, VERDICT_SAD },
		{ &check_tcp_fin_wait1, 10, TCP_STATE_CLOSING, 1, 3, false, VERDICT_SAD },
		{ &check_tcp_fin_wait1, 10, TCP_STATE_FIN_WAIT1, 4, 3, false, VERDICT_SAD },
		{ &check_tcp_fin_wait1, 9, TCP_STATE_FIN_WAIT1, 1, 9, false, VERDICT_FINE },
		{ &check_tcp_fin_wait1, 10, TCP_STATE_FIN_WAIT1, 1, 2, false, VERDICT_FINE },
		{ &check_tcp_fin_wait1, 10, TCP_STATE_FIN_WAIT1, 1, 3, true, VERDICT_FINE },
		{ &check_tcp_fin_wait1, 10, TCP_STATE_LAST_ACK, 1, 3, false, VERDICT_FINE },
		{ &check_tcp_last_ack, 10, TCP_STATE_LAST_ACK, 1, 3, false, VERDICT_SAD },
		{ &check_tcp_last_ack, 9, TCP_STATE_LAST_ACK, 1, 3, false, VERDICT_FINE },
		{ &check_tcp_last_ack, 10, TCP_STATE_FIN_WAIT1, 1, 3, false, VERDICT_FINE },
		{ &check_tcp_fin_wait2, 10, TCP_STATE_FIN_WAIT2, 3, 0, false, VERDICT_SAD },
		/* Busy hosts have many that are closed a moment later. */
		{ &check_tcp_fin_wait2, 10, TCP_STATE_FIN_WAIT2, 3, 0, false, VERDICT_FINE, true },
		{ &check_tcp_fin_wait2, 9, TCP_STATE_FIN_WAIT2, 3, 0, false, VERDICT_FINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		build_table(&s.now, TABLE_socket_owner);
		for (uint64_t k = 0; k < cases[i].sockets; k++) {
			struct tcp_socket *one =
				add_silent(&s, k, cases[i].state, cases[i].timer, cases[i].tries);

			one->inode = cases[i].held ? one->inode : 0;
			one->peer_port = 30000 + (uint32_t)k;
			add_socket(&s.was, k, "192.0.2.9")->state =
				cases[i].young ? TCP_STATE_ESTABLISHED : cases[i].state;
		}
		const struct finding *f =
			scene_case(&s, cases[i].check, i, cases[i].verdict, SEVERITY_INFO);

		if (f)
			assert_string_equal(f->culprits[0].name, "192.0.2.9");
		scene_end(&s);
	}
}

static void both_ends_here_are_the_leak_of_one(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_table(&s.now, TABLE_socket_owner);
	for (uint64_t k = 0; k < 20; k++) {
		struct tcp_socket *one = add_silent(&s, k, TCP_STATE_FIN_WAIT2, 3, 0);

		one->inode = 0;
		one->peer = one->local;
		add_socket(&s.was, k, "10.0.0.1")->state = TCP_STATE_FIN_WAIT2;
	}
	assert_int_equal(scene_judge(&s, &check_tcp_fin_wait2), VERDICT_FINE);
	scene_end(&s);
}

/* Shut down and kept: silent for a minute, or for less. */
static void half_closed_connections_wait_for_ever(void **state UNUSED)
{
	for (uint64_t seconds = 59; seconds <= 60; seconds++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		for (uint64_t k = 0; k < 10; k++) {
			add_silent(&s, k, TCP_STATE_FIN_WAIT2, 0, 0)->last_ack_ns =
				seconds * SECOND;
			add_owner(&s, k);
		}
		const struct finding *f = scene_case(&s, &check_tcp_fin_wait2, seconds,
			seconds < 60 ? VERDICT_FINE : VERDICT_SAD, SEVERITY_WARNING);

		if (f)
			assert_int_equal(f->victims[0].pid, SELF);
		scene_end(&s);
	}
}

/* Queue and limit of the listener, how long the client has waited, was it there before. */
static void who_is_not_accepted(void **state UNUSED)
{
	static const struct {
		uint64_t queue, limit, seconds;
		bool before, elsewhere;
		enum verdict verdict;
	} cases[] = {
		{ 1, 128, 5, true, false, VERDICT_SAD },
		{ 1, 128, 4, true, false, VERDICT_FINE },
		{ 1, 128, 5, false, false, VERDICT_FINE },
		{ 0, 128, 5, true, false, VERDICT_FINE },
		{ 9, 8, 5, true, false, VERDICT_FINE }, /* full: tcp.listen-overflow */
		{ 1, 128, 5, true, true, VERDICT_FINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'T');
		add_listener(&s, 443);
		struct tcp_socket *l = table_at(s.now.at[TABLE_tcp_socket], 0);

		l->receive_queue = cases[i].queue;
		l->send_queue = cases[i].limit;
		add_owner(&s, LISTENER);
		build_table(&s.was, TABLE_tcp_socket);
		if (cases[i].before)
			add_socket(&s.was, 7, "192.0.2.9")->inode = 0;
		struct tcp_socket *one = add_socket(&s.now, 7, "192.0.2.9");

		one->inode = 0;
		one->local_port = cases[i].elsewhere ? 80 : 443;
		one->last_ack_ns = cases[i].seconds * SECOND;
		const struct finding *f = scene_case(
			&s, &check_tcp_never_accepted, i, cases[i].verdict, SEVERITY_WARNING);

		if (f) {
			assert_int_equal(f->culprits[0].pid, SELF);
			assert_int_equal(f->victims[0].kind, ENTITY_CONNECTION);
			assert_non_null(strstr(f->cause, "stopped"));
		}
		scene_end(&s);
	}
}

static void an_idle_pool_without_keepalive_is_a_risk(void **state UNUSED)
{
	static const struct {
		uint64_t unguarded;
		const char *peer;
		enum verdict verdict;
	} cases[] = {
		{ 4, "192.0.2.9", VERDICT_SAD },
		{ 3, "192.0.2.9", VERDICT_FINE },
		{ 4, "127.0.0.1", VERDICT_FINE }, /* ends with this host */
		{ 4, "10.0.0.1", VERDICT_FINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		add_owner(&s, 1);
		struct tcp_flow *flow = build_row(&s.now, TABLE_tcp_flow);

		flow->family = 2;
		flow->local = build_text(&s.now, TABLE_tcp_flow, "10.0.0.1");
		flow->peer = build_text(&s.now, TABLE_tcp_flow, cases[i].peer);
		flow->peer_port = 5432;
		flow->established = 9;
		flow->unguarded = cases[i].unguarded;
		flow->silent_ns = 3 * 3600 * SECOND;
		flow->unguarded_inode = 5001;
		const struct finding *f =
			scene_case(&s, &check_tcp_half_open, i, cases[i].verdict, SEVERITY_INFO);

		if (f) {
			assert_int_equal(f->confidence, CONFIDENCE_POSSIBLE);
			assert_int_equal(f->culprits[0].pid, SELF);
			assert_string_equal(f->culprits[1].name, "192.0.2.9:5432");
		}
		scene_end(&s);
	}
}

/* Of a look of 2 s: how long it had data, how long the window was full, bytes that passed. */
static void who_reads_slowly(void **state UNUSED)
{
	static const struct {
		uint64_t busy_ns, limited_ns, bytes;
		bool here;
		enum verdict verdict;
	} cases[] = {
		{ 1000000000, 250000000, 1, true, VERDICT_SAD },
		{ 1000000000, 250000000, 1, false, VERDICT_SAD },
		{ 990000000, 990000000, 1, true, VERDICT_FINE },
		{ 1000000000, 240000000, 1, true, VERDICT_FINE },
		{ 2000000000, 2000000000, 0, true, VERDICT_FINE }, /* tcp.zero-window */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		struct tcp_socket *was = add_socket(&s.was, 1, "192.0.2.9");
		struct tcp_socket *now = add_socket(&s.now, 1, "192.0.2.9");

		was->rwnd_limited_ns = was->busy_ns = was->acked_bytes = 5;
		now->rwnd_limited_ns = 5 + cases[i].limited_ns;
		now->busy_ns = 5 + cases[i].busy_ns;
		now->acked_bytes = 5 + cases[i].bytes;
		struct tcp_socket *reader = add_socket(&s.now, 2, "10.0.0.1");

		reader->local = build_text(&s.now, TABLE_tcp_socket, "192.0.2.9");
		reader->local_port = cases[i].here ? 5432 : 5433;
		reader->peer_port = 40001;
		reader->receive_queue = 9;
		add_owner(&s, 1);
		add_owner(&s, 2);
		const struct finding *f =
			scene_case(&s, &check_tcp_slow_reader, i, cases[i].verdict, SEVERITY_INFO);

		if (f && cases[i].here)
			assert_int_equal(f->culprits[0].pid, SELF);
		else if (f)
			assert_string_equal(f->culprits[0].name, "192.0.2.9");
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_gets_no_answer),
		cmocka_unit_test(many_silent_connections),
		cmocka_unit_test(owners_are_asked_for),
		cmocka_unit_test(orphans_are_counted_by_address),
		cmocka_unit_test(both_ends_here_are_the_leak_of_one),
		cmocka_unit_test(half_closed_connections_wait_for_ever),
		cmocka_unit_test(who_is_not_accepted),
		cmocka_unit_test(who_reads_slowly),
		cmocka_unit_test(an_idle_pool_without_keepalive_is_a_risk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
