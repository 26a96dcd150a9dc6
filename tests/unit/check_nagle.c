/* SPDX-License-Identifier: MIT */
#include "model/tcp.h"
#include "tests/unit/build.h"

extern const struct check check_tcp_nagle;

enum { CLIENT = 977, WORKER = 978, SERVER = 1200, MS = 1000000 };

static void add_process(struct scene *s, uint64_t pid, const char *comm)
{
	struct process *p = build_row(&s->now, TABLE_process);

	p->pid = pid;
	p->comm = build_text(&s->now, TABLE_process, comm);
	p->state = 'S';
}

/* 200 bytes are on their way for 20 ms, 300 wait, and there is room for them. */
static struct tcp_socket *add_suspect(struct frame *f, uint64_t cookie)
{
	struct tcp_socket *s = build_row(f, TABLE_tcp_socket);

	s->cookie = cookie;
	s->inode = 5000 + cookie;
	s->state = TCP_STATE_ESTABLISHED;
	s->family = 2;
	s->local = build_text(f, TABLE_tcp_socket, "10.0.0.1");
	s->local_port = 40000;
	s->peer = build_text(f, TABLE_tcp_socket, "10.0.0.2");
	s->peer_port = 8080;
	s->timer = 1;
	s->unacked = 1;
	s->cwnd = 10;
	s->send_mss = 1448;
	s->send_queue = 500;
	s->notsent_bytes = 300;
	s->send_window_bytes = 65535;
	s->last_sent_ns = 20 * MS;
	s->last_received_ns = s->last_ack_ns = 21 * MS;
	s->segments_out = 1000;
	s->rtt_ns = 1 * MS;
	s->min_rtt_ns = 1 * MS;
	return s;
}

static struct nagle_hold *add_hold(struct scene *s, uint64_t cookie, uint64_t pid, uint64_t stalls)
{
	struct nagle_hold *h = build_row(&s->now, TABLE_nagle_hold);

	h->cookie = cookie;
	h->pid = pid;
	h->peer = build_text(&s->now, TABLE_nagle_hold, "10.0.0.2");
	h->local = build_text(&s->now, TABLE_nagle_hold, "10.0.0.1");
	h->peer_port = 8080;
	h->holds = h->stalls = stalls;
	h->held_ns = h->stalled_ns = stalls * 41 * MS;
	h->longest_ns = 44 * MS;
	h->answered = stalls ? stalls - 1 : 0;
	h->sent_bytes = 200;
	h->held_bytes = 300;
	return h;
}

static void add_watch(struct scene *s)
{
	struct nagle_watch *w = build_row(&s->now, TABLE_nagle_watch);

	build_table(&s->now, TABLE_nagle_hold);
	w->watched_ns = 600 * MS;
	w->run_ns = 300000;
	w->probe = build_text(&s->now, TABLE_nagle_watch, "tracepoint sock_send_length");
}

static void a_suspect_is_traced(void **state UNUSED)
{
	for (int before = 0; before < 2; before++) {
		struct scene s;

		scene_start(&s);
		build_table(&s.now, TABLE_tcp_socket);
		add_suspect(before ? &s.was : &s.now, 7);
		assert_int_equal(scene_judge(&s, &check_tcp_nagle), VERDICT_ASK);
		bool asked = false;

		for (size_t i = 0; i < s.judgement.n_asks; i++)
			asked |= s.judgement.ask[i].table == TABLE_nagle_hold &&
				 s.judgement.ask[i].key == 7;
		assert_true(asked);
		scene_end(&s);
	}
}

static void what_moves_is_no_suspect(void **state UNUSED)
{
	enum { CASES = 14 };

	for (int i = 0; i < CASES; i++) {
		struct scene s;

		scene_start(&s);
		struct tcp_socket *k = add_suspect(&s.now, 7);

		if (i == 0)
			k->notsent_bytes = 0;
		else if (i == 1)
			k->notsent_bytes = 1448; /* a whole segment: something else holds it */
		else if (i == 2)
			k->unacked = 0;
		else if (i == 3)
			k->cwnd = 1;
		else if (i == 4)
			k->retransmits = 1;
		else if (i == 5)
			k->lost = 1;
		else if (i == 6)
			k->timer = 4; /* the window is shut */
		else if (i == 7)
			k->send_window_bytes = 499;
		else if (i == 8)
			k->last_sent_ns = 12 * MS; /* with 1 ms of a round trip */
		else if (i == 9)
			k->min_rtt_ns = 30 * MS;
		else if (i == 10)
			k->state = TCP_STATE_FIN_WAIT1;
		else if (i == 11)
			k->last_ack_ns = 1 * MS; /* the peer sends: no ACK is delayed */
		else if (i == 12)
			k->segments_out = 20; /* a handshake */
		else
			build_unset(k, TCP_SOCKET_last_sent_ns);
		scene_case(&s, &check_tcp_nagle, (size_t)i, VERDICT_FINE, SEVERITY_INFO);
		scene_end(&s);
	}
}

static void stalls_of_a_dialogue_are_a_warning(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, CLIENT, "app");
	add_process(&s, SERVER, "backend");
	add_suspect(&s.now, 7);
	add_watch(&s);
	struct nagle_hold *h = add_hold(&s, 7, CLIENT, 9);

	h->delayed_acks = 9;
	h->acker_inode = 6000;
	/* The other end is asked for as soon as it is known. */
	assert_int_equal(scene_judge(&s, &check_tcp_nagle), VERDICT_ASK);
	struct socket_owner *o = build_row(&s.now, TABLE_socket_owner);

	o->inode = 6000;
	o->pid = SERVER;
	const struct finding *f = scene_sad(&s, &check_tcp_nagle, SEVERITY_WARNING);

	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(f->culprits[0].kind, ENTITY_PROCESS);
	assert_int_equal(f->culprits[0].pid, CLIENT);
	assert_string_equal(f->culprits[1].name, "10.0.0.2:8080");
	assert_string_equal(f->title, "Small writes of app (pid 977) wait 41 ms for an ACK of "
				      "10.0.0.2:8080, 9 times in 600 ms: Nagle's algorithm");
	assert_string_equal(f->evidence[f->n_evidence - 1].text, "backend (pid 1200)");
	scene_end(&s);
}

/* Nobody waits for the other side of a log. */
static void a_stream_without_answers_is_info(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, CLIENT, "logger");
	add_suspect(&s.now, 7);
	add_watch(&s);
	add_hold(&s, 7, CLIENT, 9)->answered = 0;
	build_table(&s.now, TABLE_socket_owner);
	const struct finding *f = scene_sad(&s, &check_tcp_nagle, SEVERITY_INFO);

	assert_int_equal(f->confidence, CONFIDENCE_LIKELY); /* whose ACK it was is not known */
	scene_end(&s);
}

static void what_is_traced_and_does_not_stall_is_fine(void **state UNUSED)
{
	for (uint64_t holds = 0; holds < 2; holds++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, CLIENT, "app");
		add_suspect(&s.now, 7);
		add_watch(&s);
		build_table(&s.now, TABLE_socket_owner);
		if (holds)
			add_hold(&s, 8, CLIENT, 1); /* one alone, of another connection */
		scene_case(&s, &check_tcp_nagle, holds, VERDICT_FINE, SEVERITY_INFO);
		scene_end(&s);
	}
}

static void what_cannot_be_traced_is_possible(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, CLIENT, "app");
	add_suspect(&s.now, 7);
	struct socket_owner *o = build_row(&s.now, TABLE_socket_owner);

	o->inode = 5007;
	o->pid = CLIENT;
	table_fail(build_table(&s.now, TABLE_nagle_hold), STATE_DENIED,
		"needs CAP_BPF and CAP_PERFMON");
	table_fail(build_table(&s.now, TABLE_nagle_watch), STATE_DENIED,
		"needs CAP_BPF and CAP_PERFMON");
	const struct finding *f = scene_sad(&s, &check_tcp_nagle, SEVERITY_INFO);

	assert_int_equal(f->confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(f->culprits[0].pid, CLIENT);
	assert_string_equal(f->evidence[f->n_evidence - 1].text, "needs CAP_BPF and CAP_PERFMON");
	scene_end(&s);
}

static void workers_are_one_finding(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, CLIENT, "app");
	add_process(&s, WORKER, "app");
	add_suspect(&s.now, 7);
	add_watch(&s);
	build_table(&s.now, TABLE_socket_owner);
	add_hold(&s, 7, CLIENT, 2);
	add_hold(&s, 8, WORKER, 5);
	add_hold(&s, 9, WORKER, 5);
	const struct finding *f = scene_sad(&s, &check_tcp_nagle, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].pid, WORKER);
	assert_non_null(strstr(f->title, "of 2 processes app wait"));
	assert_non_null(strstr(f->title, "12 times"));
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_suspect_is_traced),
		cmocka_unit_test(what_moves_is_no_suspect),
		cmocka_unit_test(stalls_of_a_dialogue_are_a_warning),
		cmocka_unit_test(a_stream_without_answers_is_info),
		cmocka_unit_test(what_is_traced_and_does_not_stall_is_fine),
		cmocka_unit_test(what_cannot_be_traced_is_possible),
		cmocka_unit_test(workers_are_one_finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
