/* SPDX-License-Identifier: MIT */
/* Transfers that their buffers cap, and those that something else does. */
#include "model/tcp_cap.h"
#include "tests/unit/build_net.h"

extern const struct check check_tcp_window_limited, check_tcp_slow_reader, check_tcp_retrans;

#define MS(n) ((uint64_t)(n)*1000000u)

/* In a look of 2 s. */
struct transfer {
	uint64_t rtt_ms, smooth_ms, busy_ms, window_ms, buffer_ms; /* limited by which */
	uint64_t kilobytes, again;
	uint64_t window_was, window; /* the peer's */
	uint64_t queue, buffer_was;  /* buffer_was 0: as it is now */
	uint32_t loops;
};

/* 64 KiB once each 40 ms: 3.2 MB in 2 s. */
static const struct transfer capped = { .rtt_ms = 40,
	.busy_ms = 2000,
	.window_ms = 900,
	.kilobytes = 3200,
	.window_was = 65536,
	.window = 65536,
	.queue = 500000 };

static void add_transfer(struct scene *s, uint64_t cookie, const struct transfer *t)
{
	struct tcp_socket *was = add_socket(&s->was, cookie, "192.0.2.9");
	struct tcp_socket *now = add_socket(&s->now, cookie, "192.0.2.9");

	was->send_window_bytes = t->window_was;
	now->send_window_bytes = t->window;
	now->min_rtt_ns = MS(t->rtt_ms);
	now->rtt_ns = MS(t->smooth_ms);
	was->send_buffer_bytes = t->buffer_was ? t->buffer_was : 87040;
	now->send_mss = 1448;
	now->send_queue = t->queue;
	now->send_buffer_bytes = 87040;
	now->loops = t->loops;
	now->busy_ns = MS(t->busy_ms);
	now->rwnd_limited_ns = MS(t->window_ms);
	now->sndbuf_limited_ns = MS(t->buffer_ms);
	now->acked_bytes = t->kilobytes * 1000;
	now->total_retransmits = t->again;
	now->segments_out = 2500;
	add_owner(s, cookie);
}

static const struct finding *judge_one(
	struct scene *s, size_t i, const struct transfer *t, enum verdict window, enum verdict slow)
{
	scene_start(s);
	add_process(s, 'S');
	add_transfer(s, 1, t);
	if (scene_judge(s, &check_tcp_slow_reader) != slow)
		fail_msg("case %zu: slow-reader", i);
	return scene_case(s, &check_tcp_window_limited, i, window, SEVERITY_INFO);
}

/* Each differs from the capped one in what it says; then what the two checks make of it. */
static void who_is_capped(void **state UNUSED)
{
	static const enum verdict sad = VERDICT_SAD, fine = VERDICT_FINE;
	struct {
		struct transfer t;
		enum verdict window, slow;
	} cases[20];
	size_t n = 0;

#define CASE(member, value, w, s)                                                 \
	(cases[n].t = capped, cases[n].t.member = (value), cases[n].window = (w), \
		cases[n++].slow = (s))
	CASE(rtt_ms, 40, sad, fine);
	CASE(rtt_ms, 4, fine, sad); /* near: the reader is what is slow */
	CASE(smooth_ms, 60, sad, fine);
	CASE(smooth_ms, 61, fine, sad); /* a queue on the way */
	CASE(loops, 1, fine, sad);
	CASE(busy_ms, 1390, fine, sad);
	CASE(busy_ms, 900, fine, fine); /* its own program */
	CASE(window_ms, 500, sad, fine);
	CASE(window_ms, 390, fine, fine);
	CASE(window_was, 40000, fine, sad); /* moves: by what is read */
	CASE(window_was, 62700, sad, fine); /* by what had just arrived */
	CASE(window, 0, fine, sad);
	CASE(kilobytes, 1600, fine, sad); /* less than half a window each round trip */
	CASE(kilobytes, 1700, sad, fine);
	CASE(again, 26, fine, sad); /* lossy */
	CASE(queue, 5000, fine, sad);
	CASE(buffer_ms, 899, sad, fine);
#undef CASE
	for (size_t i = 0; i < n; i++) {
		struct scene s;
		const struct finding *f =
			judge_one(&s, i, &cases[i].t, cases[i].window, cases[i].slow);

		if (f) {
			assert_string_equal(f->culprits[0].name, "192.0.2.9");
			assert_int_equal(f->victims[0].pid, SELF);
			assert_non_null(strstr(f->todo[1], "sysctl net.ipv4.tcp_rmem"));
			/* 2 * 125 MB/s * 40 ms */
			assert_non_null(strstr(f->todo[2], "10000000 as the third value of"));
		}
		scene_end(&s);
	}
}

/* Who set the buffer is told by whether it is the largest that the kernel would make it. */
static void own_send_buffer(void **state UNUSED)
{
	static const struct {
		uint64_t max;
		const char *word;
	} cases[] = { { 4194304, "SO_SNDBUF, which" }, { 87040, "the most that net.ipv4.tcp_wmem" },
		{ 0, "which could not be read" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct transfer t = capped;
		struct scene s;

		t.window_ms = 0;
		t.buffer_ms = 900;
		scene_start(&s);
		add_process(&s, 'S');
		add_transfer(&s, 1, &t);
		add_transfer(&s, 2, &t);
		((struct netns_setting *)build_row(&s.now, TABLE_netns_setting))->send_max_bytes =
			cases[i].max;
		const struct finding *f =
			scene_case(&s, &check_tcp_window_limited, i, VERDICT_SAD, SEVERITY_INFO);

		assert_int_equal(f->culprits[0].pid, SELF);
		assert_non_null(strstr(f->cause, cases[i].word));
		assert_non_null(strstr(f->title, "2 connections"));
		assert_non_null(strstr(f->todo[1], "sysctl net.ipv4.tcp_wmem"));
		scene_end(&s);
	}
}

/* It grows yet; or what passes is nowhere near of what it holds. */
static void buffers_that_are_no_cap(void **state UNUSED)
{
	struct transfer t = capped;
	struct scene s;

	t.window_ms = 0;
	t.buffer_ms = 900;
	t.buffer_was = 65536;
	judge_one(&s, 0, &t, VERDICT_FINE, VERDICT_FINE);
	scene_end(&s);
	t.buffer_was = 0;
	t.kilobytes = 800;
	judge_one(&s, 1, &t, VERDICT_FINE, VERDICT_FINE);
	scene_end(&s);
	t.kilobytes = 900;
	judge_one(&s, 2, &t, VERDICT_SAD, VERDICT_FINE);
	scene_end(&s);
}

static void one_frame(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_transfer(&s, 1, &capped);
	s.was.at[TABLE_tcp_socket]->n = 0;
	assert_int_equal(scene_judge(&s, &check_tcp_window_limited), VERDICT_FINE);
	scene_end(&s);
}

/* What came in 2 s over 40 ms, into which window and buffer. */
struct arrival {
	uint64_t kilobytes, window_was, window, queue, buffer_was, buffer, max;
	uint64_t rtt_ms;
	bool untuned;
};

static void add_arrival(struct scene *s, const struct arrival *a)
{
	struct tcp_socket *was = add_socket(&s->was, 1, "192.0.2.9");
	struct tcp_socket *now = add_socket(&s->now, 1, "192.0.2.9");

	add_process(s, 'S');
	was->receive_window_bytes = a->window_was;
	was->receive_buffer_bytes = a->buffer_was;
	now->receive_window_bytes = a->window;
	now->receive_buffer_bytes = a->buffer;
	now->receive_queue = a->queue;
	now->min_rtt_ns = MS(a->rtt_ms);
	now->received_bytes = a->kilobytes * 1000;
	add_owner(s, 1);
	struct netns_setting *n = build_row(&s->now, TABLE_netns_setting);

	n->receive_max_bytes = a->max;
	n->receive_tuning = !a->untuned;
	if (a->max == 0)
		build_unset(n, NETNS_SETTING_receive_max_bytes);
}

static void our_window(void **state UNUSED)
{
	static const struct arrival full = { 3200, 65536, 65536, 0, 131072, 131072, 131072, 40 };
	struct {
		struct arrival a;
		enum verdict verdict;
		const char *cause;
	} cases[16];
	size_t n = 0;

#define CASE(member, value, v, word)                                             \
	(cases[n].a = full, cases[n].a.member = (value), cases[n].verdict = (v), \
		cases[n++].cause = (word))
	CASE(rtt_ms, 40, VERDICT_SAD, "is the most that net.ipv4.tcp_rmem allows");
	CASE(max, 6291456, VERDICT_SAD, "set SO_RCVBUF");
	CASE(max, 65536, VERDICT_SAD, "set SO_RCVBUF"); /* net.core.rmem_max lets it have more */
	CASE(max, 0, VERDICT_SAD, "could not be read");
	CASE(untuned, true, VERDICT_SAD, "tcp_moderate_rcvbuf is off");
	CASE(rtt_ms, 4, VERDICT_FINE, NULL);
	CASE(kilobytes, 2200, VERDICT_FINE, NULL); /* two thirds of it each round trip */
	CASE(window_was, 40000, VERDICT_FINE, NULL);
	CASE(buffer_was, 87040, VERDICT_FINE, NULL); /* it grows yet */
	CASE(queue, 20000, VERDICT_FINE, NULL);      /* its program does not read */
	CASE(window, 0, VERDICT_FINE, NULL);
#undef CASE
	for (size_t i = 0; i < n; i++) {
		struct scene s;

		scene_start(&s);
		add_arrival(&s, &cases[i].a);
		const struct finding *f = scene_case(
			&s, &check_tcp_window_limited, i, cases[i].verdict, SEVERITY_INFO);

		if (f) {
			bool program = cases[i].a.max == 6291456 || cases[i].a.max == 65536;

			assert_non_null(strstr(f->cause, cases[i].cause));
			assert_non_null(strstr(f->title, "1 connection from 192.0.2.9 carries"));
			assert_int_equal(
				f->culprits[0].kind, program ? ENTITY_PROCESS : ENTITY_HOST);
			/* Its own setting: then no larger one helps. */
			assert_int_equal(!program, strstr(f->todo[2], "third value of") != NULL);
		}
		scene_end(&s);
	}
}

/* Both ends are seen: the sender's side says more. */
static void one_connection_once(void **state UNUSED)
{
	static const struct arrival full = { 3200, 65536, 65536, 0, 131072, 131072, 131072, 40 };
	struct scene s;

	scene_start(&s);
	add_arrival(&s, &full);
	add_transfer(&s, 2, &capped);
	for (int i = 0; i < 2; i++) {
		struct frame *f = i ? &s.was : &s.now;
		struct tcp_socket *reader = table_at(f->at[TABLE_tcp_socket], 0);
		struct tcp_socket *sender = table_at(f->at[TABLE_tcp_socket], 1);

		reader->local = sender->peer;
		reader->local_port = sender->peer_port;
		reader->peer = sender->local;
		reader->peer_port = sender->local_port;
	}
	const struct finding *f =
		scene_case(&s, &check_tcp_window_limited, 0, VERDICT_SAD, SEVERITY_INFO);

	assert_int_equal(s.judgement.n_findings, 1);
	assert_non_null(strstr(f->title, "its window"));
	scene_end(&s);
}

/* 100 segments once each 40 ms, 12 of 5,000 sent again. */
static const struct transfer held_down = { .rtt_ms = 40,
	.smooth_ms = 42,
	.busy_ms = 2000,
	.kilobytes = 7000,
	.again = 12,
	.window_was = 3000000,
	.window = 3000000,
	.queue = 500000 };

static void add_lossy(struct scene *s, const struct transfer *t, uint32_t cwnd, uint64_t times)
{
	add_process(s, 'S');
	add_transfer(s, 1, t);
	struct tcp_socket *was = table_at(s->was.at[TABLE_tcp_socket], 0);
	struct tcp_socket *socket = table_at(s->now.at[TABLE_tcp_socket], 0);
	struct snmp *now = add_snmp(s, 0);

	was->rtt_ns = MS(t->smooth_ms);
	was->min_rtt_ns = MS(t->rtt_ms);
	was->cwnd = socket->cwnd = cwnd;
	now->tcp_out_segments += 5000;
	now->tcp_retransmitted = now->tcp_fast_retransmits = t->again;
	now->tcp_sack_recoveries = times;
}

static void losses_hold_it_down(void **state UNUSED)
{
	struct {
		struct transfer t;
		uint32_t cwnd;
		uint64_t times; /* of recovery; 0: not by SACK */
		const char *cause;
	} cases[16];
	size_t n = 0;

#define CASE(member, value, c, r, word)                                            \
	(cases[n].t = held_down, cases[n].t.member = (value), cases[n].cwnd = (c), \
		cases[n].times = (r), cases[n++].cause = (word))
	CASE(rtt_ms, 40, 100, 2, "several segments in a row");
	CASE(rtt_ms, 40, 100, 10, "single segments are lost");
	CASE(rtt_ms, 40, 100, 0, "(a policer), or the path damages some");
	CASE(smooth_ms, 51, 100, 2, NULL); /* a queue that fills */
	CASE(rtt_ms, 4, 100, 2, NULL);
	CASE(again, 2, 100, 2, NULL);
	CASE(rtt_ms, 40, 170, 2, NULL); /* it sends less than it may */
	CASE(window_ms, 500, 100, 2, NULL);
	CASE(busy_ms, 1300, 100, 2, NULL); /* its own program */
	CASE(loops, 1, 100, 2, NULL);
	CASE(queue, 5000, 100, 2, NULL);
#undef CASE
	for (size_t i = 0; i < n; i++) {
		struct scene s;

		scene_start(&s);
		add_lossy(&s, &cases[i].t, cases[i].cwnd, cases[i].times);
		const struct finding *f = scene_case(&s, &check_tcp_retrans, i,
			cases[i].cause ? VERDICT_SAD : VERDICT_FINE, SEVERITY_INFO);

		if (f) {
			assert_non_null(strstr(f->cause, cases[i].cause));
			assert_string_equal(f->culprits[0].name, "192.0.2.9");
			assert_int_equal(f->victims[0].pid, SELF);
			assert_non_null(strstr(f->title, "28 Mbit/s"));
		}
		scene_end(&s);
	}
}

/* Sent again in vain: the path reorders. And what the check tells anyway it tells once. */
static void losses_that_are_none(void **state UNUSED)
{
	struct transfer t = held_down;
	struct scene s;

	scene_start(&s);
	add_lossy(&s, &t, 100, 2);
	((struct snmp *)table_at(s.now.at[TABLE_snmp], 0))->tcp_dsack_received = 6;
	scene_case(&s, &check_tcp_retrans, 0, VERDICT_FINE, SEVERITY_INFO);
	scene_end(&s);
	scene_start(&s); /* the namespace's counters are not known before: that tells nothing */
	add_lossy(&s, &t, 100, 2);
	((struct snmp *)table_at(s.was.at[TABLE_snmp], 0))->netns = 99;
	assert_non_null(scene_case(&s, &check_tcp_retrans, 2, VERDICT_SAD, SEVERITY_INFO));
	scene_end(&s);
	t.again = 200;
	scene_start(&s);
	add_lossy(&s, &t, 100, 2);
	const struct finding *f = scene_case(&s, &check_tcp_retrans, 1, VERDICT_SAD, SEVERITY_INFO);

	assert_non_null(strstr(f->title, "are sent again"));
	assert_int_equal(s.judgement.n_findings, 1);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_capped),
		cmocka_unit_test(own_send_buffer),
		cmocka_unit_test(buffers_that_are_no_cap),
		cmocka_unit_test(one_frame),
		cmocka_unit_test(our_window),
		cmocka_unit_test(one_connection_once),
		cmocka_unit_test(losses_hold_it_down),
		cmocka_unit_test(losses_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
