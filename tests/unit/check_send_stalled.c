/* SPDX-License-Identifier: MIT */
/*
 * tcp.send-stalled: what does not leave this host. The numbers are what the labs of these names had
 * on Linux 6.18.
 */
#include "model/tcp_future.h"
#include "model/tcp_stall.h"
#include "model/tcp_verdict.h"
#include "tests/unit/build_net.h"

extern const struct check check_tcp_send_stalled, check_tcp_peer_gone, check_tcp_zero_window;

enum { MS = 1000000, MSS = 1448, LINK = 7 };

/* Twelve segments in a queue that lets none go; the timer has fired five times. */
static struct tcp_socket *add_held(struct frame *f, uint64_t cookie)
{
	struct tcp_socket *s = add_socket(f, cookie, "198.51.100.1");

	s->netns = NS;
	s->send_mss = MSS;
	s->cwnd = 1;
	s->unacked = 12;
	s->send_queue = 78192;
	s->notsent_bytes = 78192 - UINT64_C(12) * MSS;
	s->queued_bytes = 29640;
	s->send_window_bytes = 68608;
	s->timer = TCP_TIMER_RETRANSMIT;
	s->timer_ns = 5 * SECOND;
	s->rto_ns = 6528 * UINT64_C(1000000);
	s->timer_retransmits = s->retransmits = s->backoff = 5;
	s->total_retransmits = 1;
	s->last_sent_ns = 7808 * UINT64_C(1000000);
	s->last_ack_ns = 8024 * UINT64_C(1000000);
	s->last_received_ns = 8228 * UINT64_C(1000000);
	s->segments_out = 17;
	build_unset(s, TCP_SOCKET_receive_window_bytes);
	return s;
}

/* All that was sent is acknowledged, more waits, the timer is that of probes. */
static struct tcp_socket *add_unsent(struct frame *f, uint64_t cookie)
{
	struct tcp_socket *s = add_held(f, cookie);

	s->cwnd = 11;
	s->unacked = 0;
	s->notsent_bytes = s->send_queue;
	s->queued_bytes = 0;
	s->send_window_bytes = 95232;
	s->timer = TCP_TIMER_PROBE;
	s->timer_ns = 119 * SECOND;
	s->timer_retransmits = s->retransmits = s->backoff = 0;
	s->rto_ns = 204 * MS;
	return s;
}

static struct tcp_socket *add_refused(struct frame *f, uint64_t cookie)
{
	struct tcp_socket *s = add_unsent(f, cookie);

	s->timer_retransmits = s->probes = 5;
	s->backoff = 5;
	s->last_sent_ns = SECOND;
	return s;
}

static void what_is_in_a_queue(void **state UNUSED)
{
	struct frame f = { 0 };
	struct tcp_socket *s = add_held(&f, 1), was = *s;

#define IS(kind, verdict)                                                     \
	do {                                                                  \
		assert_int_equal(tcp_stall_of(s), kind);                      \
		assert_string_equal(tcp_verdict_name(tcp_judge(s)), verdict); \
		*s = was;                                                     \
	} while (0)

	assert_int_equal(tcp_limit_of(s), TCP_LIMIT_OTHER);
	assert_false(tcp_unanswered(s));
	IS(TCP_STALL_QUEUE, "send-stalled");
	s->rto_ns = 3264 * UINT64_C(1000000);
	s->backoff = s->retransmits = 4;
	s->last_sent_ns = TCP_STALL_NS - 1;
	IS(TCP_STALL_NONE, "fine"); /* and not peer-gone meanwhile */
	s->last_ack_ns = TCP_STALL_NS - 1;
	IS(TCP_STALL_NONE, "fine");
	s->queued_bytes = 0; /* it has left */
	IS(TCP_STALL_NONE, "peer-gone");
	s->queued_bytes = UINT64_C(12) * MSS - 1; /* some of it has */
	IS(TCP_STALL_NONE, "peer-gone");
	build_unset(s, TCP_SOCKET_queued_bytes);
	IS(TCP_STALL_NONE, "peer-gone");
	s->inode = 0;
	IS(TCP_STALL_NONE, "never-accepted");
	s->total_retransmits = 100; /* earlier in its life */
	IS(TCP_STALL_QUEUE, "send-stalled");
	s->rto_ns = 120 * SECOND; /* the most there is */
	s->backoff = s->retransmits = 12;
	s->last_sent_ns = 300 * SECOND;
	IS(TCP_STALL_QUEUE, "send-stalled");
	build_unset(s, TCP_SOCKET_rto_ns);
	IS(TCP_STALL_NONE, "peer-gone");
	table_unref(f.at[TABLE_tcp_socket]);
}

/*
 * A host of the same link was switched off: copies wait for its address for 3 s, and count as sent
 * when the timer fires after that.
 */
static void a_neighbour_that_is_gone(void **state UNUSED)
{
	struct frame f = { 0 };
	struct tcp_socket *s = add_held(&f, 1), was = *s;

	was.unacked = 1;
	was.send_queue = 1000;
	was.notsent_bytes = 0;
	was.queued_bytes = 1832;
	was.last_sent_ns = 6528 * UINT64_C(1000000) - UINT64_C(408) * MS;
	*s = was;
	IS(TCP_STALL_QUEUE, "send-stalled");
	s->last_sent_ns -= 1; /* sent when the timer fired for the second time */
	IS(TCP_STALL_NONE, "peer-gone");
	s->last_sent_ns = 3 * SECOND;
	IS(TCP_STALL_NONE, "peer-gone");
	table_unref(f.at[TABLE_tcp_socket]);
}

static void what_is_not_sent(void **state UNUSED)
{
	struct netns_setting *set = NULL;
	struct frame f = { 0 };
	struct tcp_socket *s = add_unsent(&f, 1), was = *s;

	assert_false(tcp_window_shut(s));
	assert_int_equal(tcp_limit_of(s), TCP_LIMIT_OTHER);
	assert_int_equal(tcp_future(s, set).what, TCP_END_NOTHING);
	IS(TCP_STALL_PACED, "send-stalled");
	s->timer_ns = UINT64_C(144) * MS; /* corked after a rest: it is sent when that fires */
	IS(TCP_STALL_NONE, "fine");
	build_unset(s, TCP_SOCKET_timer_ns);
	IS(TCP_STALL_NONE, "fine");
	s->last_sent_ns = TCP_STALL_NS - 1;
	IS(TCP_STALL_NONE, "fine");
	s->send_window_bytes = MSS - 1; /* shut, if not to 0 */
	assert_true(tcp_window_shut(s));
	IS(TCP_STALL_NONE, "fine");
	s->queued_bytes = 1; /* handed down, and acknowledged already: for a moment */
	IS(TCP_STALL_NONE, "fine");
	build_unset(s, TCP_SOCKET_send_window_bytes); /* before 5.4 */
	assert_true(tcp_window_shut(s));
	IS(TCP_STALL_NONE, "fine");
	s->backoff = s->probes = 4;
	IS(TCP_STALL_NONE, "fine");
	s->backoff = s->probes = 5;
	IS(TCP_STALL_REFUSED, "send-stalled");
	s->backoff = 5; /* answered: the window is shut for good */
	s->send_window_bytes = 0;
	IS(TCP_STALL_NONE, "zero-window");
	table_unref(f.at[TABLE_tcp_socket]);
}

static struct qdisc *add_queue(struct scene *s, uint64_t index, const char *kind, uint64_t waiting)
{
	struct qdisc *was = build_row(&s->was, TABLE_qdisc);
	struct qdisc *now = build_row(&s->now, TABLE_qdisc);

	now->netns = NS;
	now->index = index;
	now->parent = UINT32_MAX;
	now->kind = build_text(&s->now, TABLE_qdisc, kind);
	now->packets = 30;
	now->backlog_packets = waiting;
	now->backlog_bytes = waiting * 1514;
	*was = *now;
	was->kind = 0;
	return now;
}

static const struct finding *judge_sad(struct scene *s)
{
	assert_int_equal(scene_judge(s, &check_tcp_send_stalled), VERDICT_ASK);
	add_owner(s, 1);
	assert_int_equal(scene_judge(s, &check_tcp_send_stalled), VERDICT_SAD);
	return scene_only(s);
}

static void the_interface_is_named(void **state UNUSED)
{
	static const struct {
		uint64_t waiting, left;
		const char *kind, *name, *cause;
	} cases[] = {
		{ 22, 0, "tbf", "lab-a", "a rate of nearly nothing" },
		{ 22, 0, "fq_codel", "lab-a", "the driver or the card has stopped" },
		{ 22, 0, "sfq", "lab-a", "the driver or the card has stopped" },
		{ 22, 0, "fq", "lab-a", "SO_MAX_PACING_RATE" }, /* it holds back what is paced */
		{ 0, 0, "tbf", NULL, "no queue of its interfaces" },
		{ 22, 1, "tbf", NULL, "no queue of its interfaces" }, /* it goes on */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 'S');
		add_held(&s.now, 1);
		add_held(&s.now, 2)->inode = 5001;
		struct link *l = build_row(&s.now, TABLE_link);

		l->netns = NS;
		l->index = LINK;
		l->name = build_text(&s.now, TABLE_link, "lab-a");
		add_queue(&s, 3, "pfifo_fast", 0);
		add_queue(&s, LINK, cases[i].kind, cases[i].waiting)->packets += cases[i].left;
		const struct finding *f = judge_sad(&s);

		assert_int_equal(f->severity, SEVERITY_WARNING);
		assert_int_equal(
			f->confidence, cases[i].name ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
		assert_int_equal(
			f->culprits[0].kind, cases[i].name ? ENTITY_INTERFACE : ENTITY_HOST);
		assert_int_equal(f->n_victims, 1);
		assert_int_equal(f->victims[0].pid, SELF);
		assert_non_null(strstr(f->title, "2 connections cannot leave"));
		assert_non_null(strstr(f->cause, cases[i].cause));
		assert_int_equal(scene_judge(&s, &check_tcp_peer_gone), VERDICT_FINE);
		scene_end(&s);
	}
}

/* Of one reading it is not known whether a queue stands: a busy one is not to blame. */
static void a_queue_seen_once(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 'S');
	add_held(&s.now, 1);
	add_queue(&s, LINK, "tbf", 22);
	((struct qdisc *)table_at(s.was.at[TABLE_qdisc], 0))->index = LINK + 1;
	const struct finding *f = judge_sad(&s);

	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	assert_non_null(strstr(f->cause, "no queue of its interfaces"));
	scene_end(&s);
}

static void program_and_host_are_named(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 'S');
	add_unsent(&s.was, 1);
	add_unsent(&s.now, 1);
	const struct finding *f = judge_sad(&s);

	assert_int_equal(f->culprits[0].pid, SELF);
	assert_int_equal(f->n_victims, 0);
	assert_non_null(strstr(f->cause, "SO_MAX_PACING_RATE"));
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s);
	add_process(&s, 'S');
	add_refused(&s.was, 1);
	add_refused(&s.now, 1);
	f = judge_sad(&s);
	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	assert_int_equal(f->victims[0].pid, SELF);
	assert_non_null(strstr(f->title, "198.51.100.1"));
	assert_int_equal(scene_judge(&s, &check_tcp_zero_window), VERDICT_FINE);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_a_queue),
		cmocka_unit_test(a_neighbour_that_is_gone),
		cmocka_unit_test(what_is_not_sent),
		cmocka_unit_test(the_interface_is_named),
		cmocka_unit_test(a_queue_seen_once),
		cmocka_unit_test(program_and_host_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
