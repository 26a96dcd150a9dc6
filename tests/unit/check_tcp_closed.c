/* SPDX-License-Identifier: MIT */
/* Connections that are over and still held: both sides of each threshold. */
#include "tests/unit/build_net.h"

extern const struct check check_tcp_reset_unseen;

enum { HIDDEN = 16, PORT = 8080 };

/* So many sockets that the kernel has beside 100 that are shown. */
static void add_counts(struct scene *s, uint64_t hidden)
{
	struct sockstat *k = build_row(&s->now, TABLE_sockstat);
	static const uint32_t states[] = { TCP_STATE_ESTABLISHED, TCP_STATE_TIME_WAIT,
		TCP_STATE_NEW_SYN_RECV };

	build_table(&s->now, TABLE_tcp_socket);
	k->tcp_allocated = 100 + hidden;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct tcp_total *t = build_row(&s->now, TABLE_tcp_total);

		t->state = states[i];
		t->sockets = 100; /* only the first have sockets of their own */
	}
}

static void add_closed(struct scene *s, size_t n, uint32_t error, uint64_t age_ns)
{
	for (size_t i = 0; i < n; i++) {
		text_t peer = build_text(&s->now, TABLE_tcp_closed, "10.0.0.2");
		struct tcp_closed *c = build_row(&s->now, TABLE_tcp_closed);

		c->inode = s->now.at[TABLE_tcp_closed]->n;
		c->pid = SELF;
		c->family = 2;
		c->local = peer;
		c->local_port = PORT;
		c->peer = peer;
		c->peer_port = 40000;
		c->error = error;
		c->closed_ns = age_ns;
	}
}

static void add_listener(struct scene *s, uint32_t port)
{
	struct tcp_socket *l = add_socket(&s->now, 1, "0.0.0.0");

	l->state = TCP_STATE_LISTEN;
	l->local_port = port;
}

static void few_hidden_ones_are_not_searched_for(void **state UNUSED)
{
	for (uint64_t hidden = HIDDEN - 1; hidden <= HIDDEN; hidden++) {
		struct scene s;

		scene_start(&s);
		add_counts(&s, hidden);
		assert_int_equal(scene_judge(&s, &check_tcp_reset_unseen),
			hidden < HIDDEN ? VERDICT_FINE : VERDICT_ASK);
		scene_end(&s);
	}
}

static void how_many_how_old_and_whose(void **state UNUSED)
{
	static const struct {
		size_t n;
		uint32_t error;
		uint64_t age_ns;
		uint32_t listener;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 20, 104, 10 * SECOND, PORT, VERDICT_SAD, SEVERITY_WARNING },
		{ 19, 104, 10 * SECOND, PORT, VERDICT_FINE, 0 },
		{ 20, 104, 10 * SECOND - 1, PORT, VERDICT_FINE, 0 }, /* it may be about to look */
		{ 20, 0, 60 * SECOND, PORT, VERDICT_FINE, 0 },       /* it knows, or nothing was */
		{ 20, 104, 60 * SECOND, 0, VERDICT_SAD, SEVERITY_INFO }, /* a pool */
		{ 20, 104, 60 * SECOND, PORT + 1, VERDICT_SAD, SEVERITY_INFO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		add_counts(&s, 30);
		build_table(&s.now, TABLE_tcp_closed);
		add_closed(&s, cases[i].n, cases[i].error, cases[i].age_ns);
		if (cases[i].listener)
			add_listener(&s, cases[i].listener);
		scene_case(&s, &check_tcp_reset_unseen, i, cases[i].verdict, cases[i].severity);
		if (cases[i].verdict == VERDICT_SAD)
			assert_int_equal(scene_only(&s)->culprits[0].pid, SELF);
		scene_end(&s);
	}
}

/* Nobody may look: nothing is said, and nothing is said to be fine. */
static void without_rights(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_counts(&s, 30);
	table_fail(build_table(&s.now, TABLE_tcp_closed), STATE_DENIED, "needs CAP_BPF");
	assert_int_equal(scene_judge(&s, &check_tcp_reset_unseen), VERDICT_UNKNOWN);
	scene_end(&s);
	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_tcp_reset_unseen), VERDICT_UNKNOWN);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_hidden_ones_are_not_searched_for),
		cmocka_unit_test(how_many_how_old_and_whose),
		cmocka_unit_test(without_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
