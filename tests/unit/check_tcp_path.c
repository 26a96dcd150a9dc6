/* SPDX-License-Identifier: MIT */
/* Losses and ports: both sides of each threshold. */
#include "tests/unit/build_net.h"

extern const struct check check_tcp_retrans, check_tcp_ports, check_tcp_time_wait;

/* A connection that sent so many segments during the look, so many of them again. */
static void add_lossy(
	struct scene *s, uint64_t cookie, const char *peer, uint32_t again, uint64_t segments)
{
	struct tcp_socket *was = add_socket(&s->was, cookie, peer);
	struct tcp_socket *now = add_socket(&s->now, cookie, peer);

	was->total_retransmits = 3;
	now->total_retransmits = 3 + again;
	now->segments_out = segments;
}

static void loss_to_one_peer_names_it_and_who_suffers(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 'S');
	struct snmp *n = add_snmp(&s, 0);

	n->tcp_out_segments = 1000;
	n->tcp_retransmitted = 60;
	n->tcp_syn_retransmits = 10;
	n->tcp_timeouts = 15;
	add_lossy(&s, 1, "10.0.0.2", 50, 300);
	add_lossy(&s, 2, "10.0.0.3", 0, 700);
	assert_int_equal(scene_judge(&s, &check_tcp_retrans), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 1);
	add_owner(&s, 1);
	assert_int_equal(scene_judge(&s, &check_tcp_retrans), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(f->culprits[0].kind, ENTITY_PEER);
	assert_string_equal(f->culprits[0].name, "10.0.0.2");
	assert_int_equal(f->victims[0].pid, SELF);
	assert_string_equal(f->title, "17 % of the TCP segments sent to 10.0.0.2 are sent again");
	scene_end(&s);
}

/* again, SYNs among them, of 1000 others, time-outs, duplicates; then what is told. */
static void shares_and_floors(void **state UNUSED)
{
	static const struct {
		uint64_t again, syn, timeouts, dsack;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 19, 0, 9, 0, VERDICT_FINE, 0 },                 /* too few */
		{ 119, 100, 119, 0, VERDICT_FINE, 0 },            /* scanners do not answer */
		{ 20, 0, 9, 0, VERDICT_FINE, 0 },                 /* 1.96 % */
		{ 21, 0, 9, 0, VERDICT_SAD, SEVERITY_INFO },      /* 2.06 % */
		{ 52, 0, 9, 0, VERDICT_SAD, SEVERITY_INFO },      /* 4.9 % */
		{ 53, 0, 9, 0, VERDICT_SAD, SEVERITY_WARNING },   /* 5.03 % */
		{ 53, 0, 0, 0, VERDICT_SAD, SEVERITY_INFO },      /* nobody stood still */
		{ 63, 10, 10, 0, VERDICT_SAD, SEVERITY_INFO },    /* only SYNs did */
		{ 53, 0, 9, 26, VERDICT_SAD, SEVERITY_WARNING },  /* 26 arrived twice */
		{ 53, 0, 9, 27, VERDICT_SAD, SEVERITY_INFO },     /* half: reordered */
		{ 240, 0, 9, 0, VERDICT_SAD, SEVERITY_WARNING },  /* 19.4 % */
		{ 260, 0, 9, 0, VERDICT_SAD, SEVERITY_CRITICAL }, /* 20.6 % */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		struct snmp *n = add_snmp(&s, NS);

		build_table(&s.now, TABLE_tcp_socket);
		n->tcp_out_segments = 1000;
		n->tcp_retransmitted = cases[i].again;
		n->tcp_syn_retransmits = cases[i].syn;
		n->tcp_timeouts = cases[i].timeouts;
		n->tcp_dsack_received = cases[i].dsack;
		assert_int_equal(scene_judge(&s, &check_tcp_retrans), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD) {
			assert_int_equal(scene_only(&s)->severity, cases[i].severity);
			assert_int_equal(scene_only(&s)->culprits[0].kind, ENTITY_HOST);
		}
		scene_end(&s);
	}
}

/* Much loss before the look, none during it. Without the reading before nothing is known. */
static void old_losses_are_silent(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct snmp *n = add_snmp(&s, 0), *was = table_at(s.was.at[TABLE_snmp], 0);

	was->tcp_retransmitted = n->tcp_retransmitted = 900000;
	was->tcp_out_segments = 1000000;
	n->tcp_out_segments = 1100000;
	assert_int_equal(scene_judge(&s, &check_tcp_retrans), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s);
	build_row(&s.now, TABLE_snmp);
	assert_int_equal(scene_judge(&s, &check_tcp_retrans), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* Lost in much that goes well: told of a backend of ours, not of a client. */
static void a_bad_backend_is_found_among_good_ones(void **state UNUSED)
{
	for (int client = 0; client < 2; client++) {
		struct scene s;

		scene_start(&s);
		struct snmp *n = add_snmp(&s, 0);

		n->tcp_out_segments = 1000000;
		n->tcp_retransmitted = 100;
		n->tcp_timeouts = 5;
		add_lossy(&s, 1, "10.0.0.2", 40, 400);
		add_lossy(&s, 2, "10.0.0.3", 60, 90000);
		if (client) {
			struct tcp_socket *l = add_socket(&s.now, 9, "0.0.0.0");

			l->state = TCP_STATE_LISTEN;
			l->local_port = 40001;
		}
		build_table(&s.now, TABLE_socket_owner);
		assert_int_equal(
			scene_judge(&s, &check_tcp_retrans), client ? VERDICT_FINE : VERDICT_SAD);
		if (!client) {
			assert_string_equal(scene_only(&s)->culprits[0].name, "10.0.0.2");
			assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
		}
		scene_end(&s);
	}
}

/* Kernels before 3.15: what no connection's socket tells of may be answers to scanners. */
static void uncounted_syns_are_no_loss(void **state UNUSED)
{
	static const struct {
		uint64_t again;
		uint32_t told;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 19, 0, VERDICT_FINE, 0 },                 /* too few, SYNs or not */
		{ 20, 0, VERDICT_FINE, 0 },                 /* 1.96 % with them */
		{ 300, 0, VERDICT_UNKNOWN, 0 },             /* SYNs, or of connections that ended */
		{ 300, 19, VERDICT_UNKNOWN, 0 },            /* of which too few are known */
		{ 300, 30, VERDICT_SAD, SEVERITY_INFO },    /* 2.9 % */
		{ 300, 60, VERDICT_SAD, SEVERITY_WARNING }, /* 5.7 % */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		struct snmp *n = add_snmp(&s, 0);

		n->tcp_out_segments = 1000;
		n->tcp_retransmitted = cases[i].again;
		n->tcp_timeouts = cases[i].again;
		build_unset(n, SNMP_tcp_syn_retransmits);
		add_lossy(&s, 1, "10.0.0.2", cases[i].told, 700);
		build_table(&s.now, TABLE_socket_owner);
		assert_int_equal(scene_judge(&s, &check_tcp_retrans), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD)
			assert_int_equal(scene_only(&s)->severity, cases[i].severity);
		scene_end(&s);
	}
}

/*
 * Without the number of all that was sent there is no share; without time-outs nobody stood still.
 */
static void counters_that_are_not_there(void **state UNUSED)
{
	for (int i = 0; i < 2; i++) {
		struct scene s;

		scene_start(&s);
		struct snmp *n = add_snmp(&s, 0);

		n->tcp_out_segments = 1000;
		n->tcp_retransmitted = 300;
		build_unset(n, i ? SNMP_tcp_timeouts : SNMP_tcp_out_segments);
		assert_int_equal(
			scene_judge(&s, &check_tcp_retrans), i ? VERDICT_SAD : VERDICT_UNKNOWN);
		if (i)
			assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
		scene_end(&s);
	}
}

/* 110 ports, 10 of them reserved: 100 to take. */
static struct tcp_flow *add_flow(struct scene *s, const char *peer, uint64_t reuse)
{
	struct netns_setting *set = build_row(&s->now, TABLE_netns_setting);
	struct tcp_flow *f = build_row(&s->now, TABLE_tcp_flow);

	set->netns = f->netns = NS;
	set->port_low = 40000;
	set->port_high = 40109;
	set->ports_reserved = 10;
	set->time_wait_reuse = reuse;
	f->family = 2;
	f->local = build_text(&s->now, TABLE_tcp_flow, "10.0.0.1");
	f->peer = build_text(&s->now, TABLE_tcp_flow, peer);
	f->peer_port = 5432;
	f->inode = 5001;
	return f;
}

static void ports_by_how_many_are_left(void **state UNUSED)
{
	static const struct {
		uint64_t open, waiting, reuse;
		const char *peer;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 49, 0, 0, "10.0.0.2", VERDICT_FINE, 0 },
		{ 20, 30, 0, "10.0.0.2", VERDICT_SAD, SEVERITY_INFO },
		{ 0, 89, 0, "10.0.0.2", VERDICT_SAD, SEVERITY_INFO },
		{ 0, 90, 0, "10.0.0.2", VERDICT_SAD, SEVERITY_WARNING },
		{ 0, 98, 0, "10.0.0.2", VERDICT_SAD, SEVERITY_WARNING },
		{ 99, 0, 0, "10.0.0.2", VERDICT_SAD, SEVERITY_CRITICAL },
		{ 0, 99, 2, "10.0.0.2", VERDICT_SAD, SEVERITY_CRITICAL },
		{ 0, 99, 1, "10.0.0.2", VERDICT_FINE, 0 },  /* they may be taken again */
		{ 0, 99, 2, "127.0.0.1", VERDICT_FINE, 0 }, /* over loopback, too */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		add_owner(&s, 1);
		struct tcp_flow *f = add_flow(&s, cases[i].peer, cases[i].reuse);

		f->established = cases[i].open;
		f->time_wait = cases[i].waiting;
		assert_int_equal(scene_judge(&s, &check_tcp_ports), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD) {
			assert_int_equal(scene_only(&s)->severity, cases[i].severity);
			assert_int_equal(scene_only(&s)->culprits[0].pid, SELF);
			assert_string_equal(scene_only(&s)->culprits[1].name, "10.0.0.2:5432");
		}
		scene_end(&s);
	}
}

/* So many in TIME_WAIT of 100 that are remembered; forgotten during the look; opened from here. */
static void time_waits_that_are_forgotten(void **state UNUSED)
{
	static const struct {
		uint64_t waiting, over, out;
		enum verdict verdict;
		const char *culprit;
	} cases[] = {
		{ 89, 0, 89, VERDICT_FINE, NULL }, /* many are everyday */
		{ 0, 0, 0, VERDICT_FINE, NULL }, { 90, 0, 90, VERDICT_SAD, "10.0.0.2:5432" },
		{ 100, 7, 60, VERDICT_SAD, "10.0.0.2:5432" },
		{ 100, 7, 49, VERDICT_SAD, NULL }, /* most came in */
		{ 10, 1, 0, VERDICT_SAD, NULL },   /* the limit was lowered meanwhile */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_flow(&s, "10.0.0.2", 0)->time_wait = cases[i].out;
		((struct netns_setting *)table_at(s.now.at[TABLE_netns_setting], 0))
			->time_wait_max = 100;
		struct tcp_total *t = build_row(&s.now, TABLE_tcp_total);

		t->netns = NS;
		t->state = TCP_STATE_TIME_WAIT;
		t->sockets = cases[i].waiting;
		add_snmp(&s, NS)->tcp_time_wait_overflows = cases[i].over;
		assert_int_equal(scene_judge(&s, &check_tcp_time_wait), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD) {
			const struct finding *f = scene_only(&s);

			assert_int_equal(f->severity, SEVERITY_INFO);
			assert_int_equal(
				f->culprits[0].kind, cases[i].culprit ? ENTITY_PEER : ENTITY_HOST);
			if (cases[i].culprit)
				assert_string_equal(f->culprits[0].name, cases[i].culprit);
		}
		scene_end(&s);
	}
}

static void what_cannot_be_read_is_unknown(void **state UNUSED)
{
	static const struct check *const all[] = { &check_tcp_retrans, &check_tcp_ports,
		&check_tcp_time_wait };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct scene s;

		scene_start(&s);
		assert_int_equal(scene_judge(&s, all[i]), VERDICT_UNKNOWN);
		scene_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_to_one_peer_names_it_and_who_suffers),
		cmocka_unit_test(shares_and_floors),
		cmocka_unit_test(old_losses_are_silent),
		cmocka_unit_test(a_bad_backend_is_found_among_good_ones),
		cmocka_unit_test(uncounted_syns_are_no_loss),
		cmocka_unit_test(counters_that_are_not_there),
		cmocka_unit_test(ports_by_how_many_are_left),
		cmocka_unit_test(time_waits_that_are_forgotten),
		cmocka_unit_test(what_cannot_be_read_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
