/* SPDX-License-Identifier: MIT */
#include "model/tcp.h"
#include "tests/unit/build.h"

extern const struct check check_tcp_close_wait, check_tcp_listen_overflow, check_tcp_zero_window;

enum { SELF = 977, OTHER = 1200 };

static struct tcp_socket *add_one(struct frame *f, uint64_t cookie, uint32_t state)
{
	struct tcp_socket *s = build_row(f, TABLE_tcp_socket);

	s->cookie = cookie;
	s->inode = 5000 + cookie;
	s->state = state;
	s->family = 2;
	s->local = build_text(f, TABLE_tcp_socket, "10.0.0.1");
	s->local_port = 8080;
	s->peer = build_text(f, TABLE_tcp_socket, "10.0.0.2");
	s->peer_port = 40000 + (uint32_t)cookie;
	s->receive_window_bytes = 65535;
	s->send_window_bytes = 65535;
	s->receive_mss = 1448;
	s->receive_buffer_bytes = 131072;
	return s;
}

/* In both frames; the caller changes what differs. */
static void add_socket(struct scene *s, uint64_t cookie, uint32_t state)
{
	add_one(&s->was, cookie, state);
	add_one(&s->now, cookie, state);
}

static struct tcp_socket *last(struct frame *f)
{
	struct table *t = f->at[TABLE_tcp_socket];

	return table_at(t, t->n - 1);
}

static void add_owner(struct scene *s, uint64_t cookie, uint64_t pid)
{
	struct socket_owner *o = build_row(&s->now, TABLE_socket_owner);

	o->inode = 5000 + cookie;
	o->pid = pid;
	o->holders = 1;
}

static void add_process(struct scene *s, uint64_t pid, const char *comm, uint32_t state)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);

	was->pid = now->pid = pid;
	now->comm = build_text(&s->now, TABLE_process, comm);
	now->state = state;
}

/* Every one is asked for: those left out would be told as somebody else's. */
static void ten_thousand_close_waits_are_one_leak(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, SELF, "api", 'S');
	for (uint64_t i = 0; i < 10000; i++) {
		add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
		last(&s.now)->last_ack_ns = 3 * 3600 * SECOND;
	}
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 10000);
	assert_int_equal(s.judgement.ask[9999].key, 5000 + 9999);
	scene_end(&s);
}

static void sixty_old_close_waits_are_a_leak(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, SELF, "api", 'S');
	for (uint64_t i = 0; i < 60; i++) {
		add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
		last(&s.now)->last_ack_ns = 3 * 3600 * SECOND;
	}
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 60);
	for (uint64_t i = 0; i < 60; i++)
		add_owner(&s, i, SELF);
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 1);
	const struct finding *f = s.judgement.finding[0];

	assert_string_equal(f->id, "tcp.close-wait");
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(f->culprits[0].kind, ENTITY_PROCESS);
	assert_int_equal(f->culprits[0].pid, SELF);
	assert_string_equal(
		f->title, "60 connections of api (pid 977) sit in CLOSE_WAIT, oldest 3 h");
	assert_non_null(strstr(f->cause, "never called close()"));
	scene_end(&s);
}

/*
 * One in each of twelve workers: nobody has many, the server has. Of twelve strangers it is info.
 */
static void workers_of_one_server_leak_together(void **state UNUSED)
{
	for (int strangers = 0; strangers < 2; strangers++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, SELF, "apache2", 'S');
		for (uint64_t i = 0; i < 12; i++) {
			add_process(&s, 2000 + i, strangers ? "other" : "apache2", 'S');
			struct table *t = s.now.at[TABLE_process];

			((struct process *)table_at(t, t->n - 1))->ppid = SELF;
			add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
			last(&s.now)->last_ack_ns = 100 * SECOND;
			add_owner(&s, i, 2000 + i);
		}
		assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_SAD);
		const struct finding *f = s.judgement.finding[0];

		assert_int_equal(s.judgement.n_findings, strangers ? 10 : 1);
		assert_int_equal(s.judgement.lost_findings, strangers ? 2 : 0);
		assert_int_equal(f->severity, strangers ? SEVERITY_INFO : SEVERITY_WARNING);
		assert_int_equal(f->culprits[0].pid, strangers ? 2000 : SELF);
		if (!strangers)
			assert_non_null(strstr(
				f->title, "12 connections of apache2 (pid 977) and its workers"));
		scene_end(&s);
	}
}

/* However many have one or two: who has many is not lost among them. */
static void the_worst_is_not_lost_among_many(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t i = 0; i < 40; i++) {
		add_process(&s, 2000 + i, "other", 'S');
		add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
		last(&s.now)->last_ack_ns = 100 * SECOND;
		/* the last fifteen are of one process, which comes after 25 others */
		add_owner(&s, i, 2000 + (i < 25 ? i : 25));
	}
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_SAD);
	bool told = false;

	for (size_t i = 0; i < s.judgement.n_findings; i++) {
		const struct finding *f = s.judgement.finding[i];

		told |= f->severity == SEVERITY_WARNING && f->culprits[0].pid == 2025;
	}
	assert_true(told);
	scene_end(&s);
}

static void many_young_ones_count_with_less_confidence(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t i = 0; i < 20; i++) {
		add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
		last(&s.was)->receive_queue = last(&s.now)->receive_queue = 1;
		last(&s.now)->last_ack_ns = 3 * SECOND;
		add_owner(&s, i, SELF);
	}
	struct process_fd *fd = build_row(&s.now, TABLE_process_fd);
	struct process_limits *l = build_row(&s.now, TABLE_process_limits);

	fd->pid = l->pid = SELF;
	fd->open = 950;
	l->fd_soft = 1000;
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(f->severity, SEVERITY_CRITICAL); /* descriptors are nearly gone */
	assert_non_null(strstr(f->cause, "does not read"));
	scene_end(&s);
}

static void close_waits_that_move_are_fine(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t i = 0; i < 300; i++) {
		/* a third was there before, of which each sends its answer still */
		if (i % 3 == 0) {
			add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
			last(&s.now)->acked_bytes = 4000;
		} else {
			add_one(&s.now, i, TCP_STATE_CLOSE_WAIT);
		}
		last(&s.now)->last_ack_ns = SECOND / 10;
	}
	for (uint64_t i = 400; i < 419; i++) /* one less than suspicious */
		add_socket(&s, i, TCP_STATE_CLOSE_WAIT);
	add_socket(&s, 500, TCP_STATE_CLOSE_WAIT); /* waits for accept(): another check's */
	last(&s.now)->inode = 0;
	last(&s.now)->last_ack_ns = 100 * SECOND;
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_FINE);
	assert_int_equal(s.judgement.n_asks, 0);
	scene_end(&s);
}

static void a_few_forgotten_ones_are_info(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_socket(&s, 1, TCP_STATE_CLOSE_WAIT);
	last(&s.now)->last_ack_ns = 100 * SECOND;
	build_table(&s.now, TABLE_socket_owner); /* asked, and not visible */
	assert_int_equal(scene_judge(&s, &check_tcp_close_wait), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_int_equal(f->culprits[0].kind, ENTITY_LISTENER);
	assert_string_equal(f->culprits[0].name, "10.0.0.1:8080");
	scene_end(&s);
}

static void without_sockets_nothing_is_known(void **state UNUSED)
{
	static const struct check *const all[] = { &check_tcp_close_wait,
		&check_tcp_listen_overflow, &check_tcp_zero_window };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct scene s;

		scene_start(&s);
		assert_int_equal(scene_judge(&s, all[i]), VERDICT_UNKNOWN);
		table_fail(build_table(&s.now, TABLE_tcp_socket), STATE_DENIED, "no netlink");
		assert_int_equal(scene_judge(&s, all[i]), VERDICT_UNKNOWN);
		assert_int_equal(s.judgement.unknown_state, STATE_DENIED);
		assert_string_equal(s.judgement.unknown_why, "no netlink");
		/* the judge itself does not rely on the look */
		assert_int_equal(all[i]->judge(&s.model, &s.judgement), VERDICT_UNKNOWN);
		scene_end(&s);
	}
}

static void add_overflows(struct scene *s, uint64_t ever, uint64_t during)
{
	struct snmp *was = build_row(&s->was, TABLE_snmp);
	struct snmp *now = build_row(&s->now, TABLE_snmp);

	was->tcp_listen_overflows = ever;
	now->tcp_listen_overflows = ever + during;
}

static void add_listener(struct scene *s, uint64_t queue_was, uint64_t queue_now, uint64_t drops)
{
	add_socket(s, 1, TCP_STATE_LISTEN);
	last(&s->was)->receive_queue = queue_was;
	last(&s->now)->receive_queue = queue_now;
	last(&s->was)->send_queue = last(&s->now)->send_queue = 8;
	last(&s->now)->drops = drops;
}

static void a_full_queue_names_listener_and_process(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, SELF, "api", 'T');
	add_overflows(&s, 100, 12);
	add_listener(&s, 9, 9, 12);
	struct sysctl *set = build_row(&s.now, TABLE_sysctl);

	set->net_somaxconn = 4096;
	add_one(&s.now, 2, TCP_STATE_ESTABLISHED)->inode = 0;
	assert_int_equal(scene_judge(&s, &check_tcp_listen_overflow), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 1);
	add_owner(&s, 1, SELF);
	assert_int_equal(scene_judge(&s, &check_tcp_listen_overflow), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(s.judgement.n_findings, 1);
	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(f->culprits[0].pid, SELF);
	assert_int_equal(f->culprits[1].kind, ENTITY_LISTENER);
	assert_string_equal(f->culprits[1].name, "10.0.0.1:8080");
	assert_int_equal(f->n_victims, 1);
	assert_non_null(strstr(f->cause, "is stopped"));
	assert_non_null(strstr(f->cause, "asked for in listen()"));
	scene_end(&s);
}

static void queues_that_are_not_full_are_fine(void **state UNUSED)
{
	/* before, now, drops, overflows: long but below; full for a moment; drops alone */
	static const uint64_t healthy[][4] = { { 8, 8, 0, 0 }, { 0, 9, 0, 0 }, { 9, 0, 0, 0 },
		{ 0, 0, 700, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(healthy); i++) {
		struct scene s;

		scene_start(&s);
		add_overflows(&s, 5, healthy[i][3]);
		add_listener(&s, healthy[i][0], healthy[i][1], healthy[i][2]);
		assert_int_equal(scene_judge(&s, &check_tcp_listen_overflow), VERDICT_FINE);
		scene_end(&s);
	}
}

static void overflows_without_a_listener_blame_the_host(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_overflows(&s, 5, 3);
	add_listener(&s, 0, 0, 0);
	assert_int_equal(scene_judge(&s, &check_tcp_listen_overflow), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	assert_int_equal(s.judgement.finding[0]->culprits[0].kind, ENTITY_HOST);
	scene_end(&s);

	scene_start(&s);
	add_overflows(&s, 5000, 0);
	add_listener(&s, 0, 0, 0);
	assert_int_equal(scene_judge(&s, &check_tcp_listen_overflow), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s); /* the counters could not be read */
	add_listener(&s, 0, 0, 0);
	assert_int_equal(scene_judge(&s, &check_tcp_listen_overflow), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* A writer, cookie 1, whose peer, cookie 2, does not read; same_host: the peer is here too. */
static void add_flow(struct scene *s, bool same_host)
{
	struct frame *const frames[] = { &s->was, &s->now };

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct tcp_socket *w = add_one(frames[i], 1, TCP_STATE_ESTABLISHED);

		w->notsent_bytes = 90000;
		w->send_window_bytes = 0;
		w->acked_bytes = 7777;
		w->last_sent_ns = (i ? 62 : 60) * SECOND;
		if (!same_host)
			continue;
		text_t local = w->local, peer = w->peer;
		uint32_t port = w->peer_port;
		struct tcp_socket *r = add_one(frames[i], 2, TCP_STATE_ESTABLISHED);

		r->local = peer;
		r->peer = local;
		r->local_port = port;
		r->peer_port = 8080;
		r->receive_queue = 60000;
		r->receive_window_bytes = 0;
		r->received_bytes = 7777;
	}
}

static void the_reader_is_to_blame_and_the_writer_suffers(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, SELF, "writer", 'S');
	add_process(&s, OTHER, "reader", 'T');
	add_flow(&s, true);
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 2);
	add_owner(&s, 1, SELF);
	add_owner(&s, 2, OTHER);
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 1);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(f->n_culprits, 1);
	assert_int_equal(f->culprits[0].pid, OTHER);
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, SELF);
	assert_non_null(strstr(f->cause, "stopped"));
	scene_end(&s);
}

static void a_remote_reader_is_its_connection(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, SELF, "writer", 'S');
	add_flow(&s, false);
	last(&s.now)->probes = 5;
	add_owner(&s, 1, SELF);
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->culprits[0].kind, ENTITY_CONNECTION);
	assert_string_equal(f->culprits[0].name, "10.0.0.1:8080 10.0.0.2:40001");
	assert_int_equal(f->victims[0].pid, SELF);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_non_null(strstr(f->cause, "stopped answering probes"));
	assert_int_equal(f->severity, SEVERITY_WARNING);
	last(&s.now)->last_sent_ns = 59 * SECOND; /* somebody paused a video */
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	scene_end(&s);
}

static void a_slow_reader_is_no_stuck_one(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_flow(&s, true);
	last(&s.was)->receive_queue += 10240; /* it took 10 KiB, too few to open the window */
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s); /* it pauses, for 40 s so far: a rate limit */
	add_process(&s, OTHER, "curl", 'S');
	add_flow(&s, true);
	struct tcp_socket *writer = table_at(s.now.at[TABLE_tcp_socket], 0);

	writer->last_sent_ns = 40 * SECOND;
	add_owner(&s, 2, OTHER);
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	writer->last_sent_ns = 61 * SECOND; /* no longer */
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	/* who is stopped does not pause */
	((struct process *)table_find(s.now.at[TABLE_process], OTHER))->state = 'T';
	writer->last_sent_ns = 6 * SECOND;
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	writer->last_sent_ns = 4 * SECOND;
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	scene_end(&s);
}

static void a_window_that_is_shut_for_a_moment_is_fine(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_flow(&s, false);
	last(&s.now)->acked_bytes += 1448; /* progress */
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	last(&s.now)->acked_bytes -= 1448;
	last(&s.was)->send_window_bytes = 9000; /* open before */
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	last(&s.was)->send_window_bytes = 0;
	last(&s.was)->cookie = 77; /* another connection on the same ports */
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s);
	add_flow(&s, false); /* shut, and nothing to send */
	last(&s.was)->notsent_bytes = last(&s.now)->notsent_bytes = 0;
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s);
	add_flow(&s, false);
	s.was.at[TABLE_tcp_socket]->taken_ns = s.now.at[TABLE_tcp_socket]->taken_ns - SECOND / 2;
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void a_full_buffer_that_nobody_fills_is_info(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_socket(&s, 1, TCP_STATE_ESTABLISHED);
	last(&s.was)->receive_queue = last(&s.now)->receive_queue = 60000;
	last(&s.was)->receive_window_bytes = last(&s.now)->receive_window_bytes = 0;
	add_owner(&s, 1, SELF);
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	last(&s.now)->last_received_ns = 60 * SECOND; /* but probes came since */
	last(&s.now)->last_ack_ns = SECOND;
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	assert_int_equal(s.judgement.finding[0]->culprits[0].pid, SELF);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_old_close_waits_are_a_leak),
		cmocka_unit_test(ten_thousand_close_waits_are_one_leak),
		cmocka_unit_test(the_worst_is_not_lost_among_many),
		cmocka_unit_test(workers_of_one_server_leak_together),
		cmocka_unit_test(many_young_ones_count_with_less_confidence),
		cmocka_unit_test(close_waits_that_move_are_fine),
		cmocka_unit_test(a_few_forgotten_ones_are_info),
		cmocka_unit_test(without_sockets_nothing_is_known),
		cmocka_unit_test(a_full_queue_names_listener_and_process),
		cmocka_unit_test(queues_that_are_not_full_are_fine),
		cmocka_unit_test(overflows_without_a_listener_blame_the_host),
		cmocka_unit_test(the_reader_is_to_blame_and_the_writer_suffers),
		cmocka_unit_test(a_remote_reader_is_its_connection),
		cmocka_unit_test(a_slow_reader_is_no_stuck_one),
		cmocka_unit_test(a_window_that_is_shut_for_a_moment_is_fine),
		cmocka_unit_test(a_full_buffer_that_nobody_fills_is_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
