/* SPDX-License-Identifier: MIT */
#include "model/tcp_join.h"
#include "base/clock.h"
#include "base/json_read.h"
#include "source/tcp_lines.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

/* A socket with this cookie, between addresses. */
static struct join_row row(uint64_t cookie, uint32_t state, const char *local, uint32_t local_port,
	const char *peer, uint32_t peer_port)
{
	struct tcp_socket s = {
		.cookie = cookie, .state = state, .local_port = local_port, .peer_port = peer_port
	};
	struct join_row r;

	assert_int_equal(join_row_of(&s, local, peer, 0, "", &r), 0);
	return r;
}

static const char a_is[] = "10.0.0.1", b_is[] = "10.0.0.2";

static struct join_row of_a(uint64_t cookie, uint32_t state)
{
	return row(cookie, state, a_is, 40000, b_is, 80);
}

static struct join_row of_b(uint64_t cookie, uint32_t state)
{
	return row(cookie, state, b_is, 80, a_is, 40000);
}

struct story {
	struct join *join;
	struct join_result r;
};

static void begin(struct story *s)
{
	struct join_row listener = row(1, TCP_STATE_LISTEN, b_is, 80, "0.0.0.0", 0);

	*s = (struct story){ 0 };
	assert_int_equal(join_new(false, &s->join), 0);
	assert_int_equal(join_add(s->join, JOIN_B, &listener), 0);
}

static void add(struct story *s, unsigned int host, struct join_row r)
{
	assert_int_equal(join_add(s->join, host, &r), 0);
}

static void again(struct story *s, unsigned int host, struct join_row r)
{
	join_again(s->join, host, &r);
}

static void looked(struct story *s)
{
	join_looked(s->join, JOIN_A, false);
	join_looked(s->join, JOIN_B, false);
}

static void finish(struct story *s)
{
	assert_int_equal(join_finish(s->join, &s->r), 0);
}

static void end(struct story *s)
{
	join_free(s->join);
}

/* Two rows, twice the same; the cause that is found, NONE when none is. */
static enum join_cause cause_of(const struct join_row *a, const struct join_row *b)
{
	struct story s;

	begin(&s);
	add(&s, JOIN_A, *a);
	if (b)
		add(&s, JOIN_B, *b);
	assert_int_equal(join_match(s.join), 0);
	again(&s, JOIN_A, *a);
	if (b)
		again(&s, JOIN_B, *b);
	looked(&s);
	finish(&s);
	enum join_cause cause = s.r.n_findings ? s.r.finding[0].cause : JOIN_NONE;

	assert_int_equal(s.r.n_findings, s.r.n_checked);
	assert_int_equal(s.r.joined, b != NULL);
	end(&s);
	return cause;
}

static void what_has_no_other_end(void **state UNUSED)
{
	static const enum join_cause want[TCP_STATES] = {
		[TCP_STATE_ESTABLISHED] = JOIN_HALF_OPEN,
		[TCP_STATE_CLOSE_WAIT] = JOIN_CLOSE_WAIT,
		[TCP_STATE_FIN_WAIT1] = JOIN_CLOSING,
		[TCP_STATE_FIN_WAIT2] = JOIN_CLOSING,
		[TCP_STATE_LAST_ACK] = JOIN_CLOSING,
		[TCP_STATE_CLOSING] = JOIN_CLOSING,
	};

	for (uint32_t i = 1; i < TCP_STATES; i++) {
		struct join_row a = of_a(7, i);

		assert_int_equal(cause_of(&a, NULL), want[i]);
	}
	struct join_row a = of_a(7, TCP_STATE_ESTABLISHED);

	a.timer = 1;
	a.retransmits = 4;
	assert_int_equal(cause_of(&a, NULL), JOIN_UNANSWERED);
}

/* Every pair of states: what can be seen of a connection that goes well is no disagreement. */
static void states_that_go_together(void **state UNUSED)
{
	static const uint32_t fine[][2] = { { TCP_STATE_ESTABLISHED, TCP_STATE_ESTABLISHED },
		{ TCP_STATE_SYN_SENT, TCP_STATE_SYN_RECV },
		{ TCP_STATE_FIN_WAIT1, TCP_STATE_ESTABLISHED },
		{ TCP_STATE_FIN_WAIT1, TCP_STATE_CLOSE_WAIT },
		{ TCP_STATE_FIN_WAIT2, TCP_STATE_CLOSE_WAIT },
		{ TCP_STATE_FIN_WAIT2, TCP_STATE_LAST_ACK },
		{ TCP_STATE_TIME_WAIT, TCP_STATE_LAST_ACK },
		{ TCP_STATE_CLOSING, TCP_STATE_CLOSING } };

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		struct join_row a = of_a(7, fine[i][0]), b = of_b(8, fine[i][1]);

		assert_int_equal(cause_of(&a, &b), JOIN_NONE);
		a = of_a(7, fine[i][1]);
		b = of_b(8, fine[i][0]);
		assert_int_equal(cause_of(&a, &b), JOIN_NONE);
	}
}

static void states_that_do_not(void **state UNUSED)
{
	static const uint32_t stale[] = { TCP_STATE_SYN_SENT, TCP_STATE_FIN_WAIT2,
		TCP_STATE_TIME_WAIT, TCP_STATE_CLOSE_WAIT, TCP_STATE_LAST_ACK, TCP_STATE_CLOSING };
	struct join_row a = of_a(7, TCP_STATE_ESTABLISHED), b;

	for (size_t i = 0; i < ARRAY_SIZE(stale); i++) {
		b = of_b(8, stale[i]);
		assert_int_equal(cause_of(&a, &b), JOIN_STALE);
	}
	b = of_b(8, TCP_STATE_SYN_RECV);
	assert_int_equal(cause_of(&a, &b), JOIN_NOT_ACCEPTED);
	b = of_b(8, TCP_STATE_FIN_WAIT1);
	b.timer = 1;
	b.retransmits = 3;
	assert_int_equal(cause_of(&a, &b), JOIN_FIN_LOST);
	a = of_a(7, TCP_STATE_CLOSE_WAIT);
	assert_int_equal(cause_of(&a, &b), JOIN_ACKS_LOST);
	a = of_a(7, TCP_STATE_SYN_SENT);
	a.retransmits = 2;
	b = of_b(8, TCP_STATE_SYN_RECV);
	assert_int_equal(cause_of(&a, &b), JOIN_SYNACK_LOST);
}

static void what_both_count(void **state UNUSED)
{
	struct join_row a = of_a(7, TCP_STATE_ESTABLISHED), b = of_b(8, TCP_STATE_ESTABLISHED);

	a.has_next = b.has_next = true;
	a.send_next = b.receive_next = 5; /* has gone round */
	b.send_next = a.receive_next = 900;
	assert_int_equal(cause_of(&a, &b), JOIN_NONE);
	b.receive_next = 0xfffffff0u;
	assert_int_equal(cause_of(&a, &b), JOIN_SEQUENCE);
	/* Sent, and not arrived yet: nothing is wrong with that. */
	a.send_queue = 21;
	assert_int_equal(cause_of(&a, &b), JOIN_NONE);
	a.timer = 1;
	a.retransmits = 3;
	assert_int_equal(cause_of(&a, &b), JOIN_DATA_LOST);
	b.receive_next = 5;
	assert_int_equal(cause_of(&a, &b), JOIN_ACKS_LOST);
	/* The window is shut. */
	a.timer = 4;
	b.receive_queue = 4096;
	assert_int_equal(cause_of(&a, &b), JOIN_UNREAD);
	b.receive_queue = 0;
	b.has_window = true;
	b.receive_window = 65536;
	assert_int_equal(cause_of(&a, &b), JOIN_WINDOW_LOST);
}

/* Without sequence numbers bytes tell; of the end that connected, the SYN was acknowledged, too. */
static void what_bytes_tell(void **state UNUSED)
{
	struct join_row a = of_a(7, TCP_STATE_ESTABLISHED), b = of_b(8, TCP_STATE_ESTABLISHED);

	a.timer = 1;
	a.retransmits = 3;
	a.send_queue = 100;
	a.acked = 1001;
	b.received = 1000;
	assert_int_equal(cause_of(&a, &b), JOIN_DATA_LOST);
	b.received = 1100;
	assert_int_equal(cause_of(&a, &b), JOIN_ACKS_LOST);
}

/* What a busy host looks like: nothing of it survives the second look. */
static void what_the_second_look_clears(void **state UNUSED)
{
	struct join_row est = of_a(7, TCP_STATE_ESTABLISHED), b = of_b(8, TCP_STATE_ESTABLISHED);
	/* Gone; another with the same ports; closed; its other end has come. */
	const struct join_row second[] = { row(7, 1, a_is, 1, b_is, 80),
		of_a(9, TCP_STATE_ESTABLISHED), of_a(7, TCP_STATE_CLOSE_WAIT), est };

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		struct story s;

		begin(&s);
		add(&s, JOIN_A, est);
		assert_int_equal(join_match(s.join), 0);
		assert_int_equal(join_suspects(s.join), 1);
		again(&s, JOIN_A, second[i]);
		if (i == 3)
			again(&s, JOIN_B, b);
		looked(&s);
		finish(&s);
		assert_int_equal(s.r.n_findings, 0);
		assert_int_equal(s.r.suspects, 1);
		end(&s);
	}
}

static void without_a_second_look(void **state UNUSED)
{
	struct story s;

	begin(&s);
	add(&s, JOIN_A, of_a(7, TCP_STATE_ESTABLISHED));
	assert_int_equal(join_match(s.join), 0);
	finish(&s);
	assert_int_equal(s.r.n_findings, 1);
	assert_int_equal(s.r.n_checked, 0);
	assert_false(s.r.finding[0].checked);
	/* A look that lacks rows does not prove that one is missing. */
	again(&s, JOIN_A, of_a(7, TCP_STATE_ESTABLISHED));
	join_looked(s.join, JOIN_A, false);
	join_looked(s.join, JOIN_B, true);
	finish(&s);
	assert_int_equal(s.r.n_checked, 0);
	end(&s);
}

static void whose_address_it_is(void **state UNUSED)
{
	struct story s;

	begin(&s);
	join_blind(s.join, JOIN_B);
	/* To a third host, within A, on A's loopback; to B, of which rows are missing. */
	add(&s, JOIN_A, row(1, TCP_STATE_ESTABLISHED, a_is, 1, "10.0.0.3", 80));
	add(&s, JOIN_A, row(2, TCP_STATE_ESTABLISHED, "172.17.0.1", 1, "172.17.0.2", 80));
	add(&s, JOIN_A, row(3, TCP_STATE_ESTABLISHED, "172.17.0.2", 80, "172.17.0.1", 1));
	add(&s, JOIN_A, row(4, TCP_STATE_ESTABLISHED, "127.0.0.1", 1, "127.0.0.1", 80));
	add(&s, JOIN_A, row(5, TCP_STATE_ESTABLISHED, a_is, 2, b_is, 80));
	/* Both hosts have a bridge of that address. */
	add(&s, JOIN_A, row(6, TCP_STATE_ESTABLISHED, "172.17.0.1", 9, "172.17.0.9", 80));
	add(&s, JOIN_A, row(7, TCP_STATE_LISTEN, "172.17.0.9", 80, "0.0.0.0", 0));
	add(&s, JOIN_B, row(8, TCP_STATE_LISTEN, "172.17.0.9", 80, "0.0.0.0", 0));
	assert_int_equal(join_match(s.join), 0);
	finish(&s);
	assert_int_equal(s.r.suspects, 0);
	assert_int_equal(s.r.side[JOIN_A].connections, 3);
	assert_int_equal(s.r.side[JOIN_A].elsewhere, 1);
	assert_int_equal(s.r.side[JOIN_A].unseen, 1);
	assert_int_equal(s.r.side[JOIN_A].both_have, 1);
	end(&s);
}

static void nat_in_front_of_either(void **state UNUSED)
{
	struct story s;

	/* B's port is passed on to a container: B has it under the container's address. */
	begin(&s);
	add(&s, JOIN_A, of_a(7, TCP_STATE_ESTABLISHED));
	add(&s, JOIN_B, row(8, TCP_STATE_ESTABLISHED, "172.17.0.2", 8080, a_is, 40000));
	assert_int_equal(join_match(s.join), 0);
	finish(&s);
	assert_int_equal(s.r.suspects, 0);
	assert_int_equal(s.r.side[JOIN_A].translated, 1);
	end(&s);
	/* A is behind a router: B knows only the router, and others. */
	begin(&s);
	add(&s, JOIN_A, row(7, TCP_STATE_ESTABLISHED, "192.168.1.5", 40000, b_is, 80));
	add(&s, JOIN_B, row(8, TCP_STATE_ESTABLISHED, b_is, 80, "203.0.113.9", 1024));
	assert_int_equal(join_match(s.join), 0);
	finish(&s);
	assert_int_equal(s.r.suspects, 0);
	assert_int_equal(s.r.side[JOIN_A].perhaps_nat, 1);
	end(&s);
	/* B knows A by its own address, so none is there. */
	begin(&s);
	add(&s, JOIN_A, of_a(7, TCP_STATE_ESTABLISHED));
	add(&s, JOIN_B, row(8, TCP_STATE_ESTABLISHED, b_is, 80, "203.0.113.9", 1024));
	add(&s, JOIN_B, row(9, TCP_STATE_TIME_WAIT, b_is, 22, a_is, 1024));
	assert_int_equal(join_match(s.join), 0);
	assert_int_equal(join_suspects(s.join), 1);
	end(&s);
}

static void mapped_addresses_are_the_same(void **state UNUSED)
{
	struct join_row a = row(7, TCP_STATE_ESTABLISHED, "::ffff:10.0.0.1", 40000, b_is, 80);
	struct join_row b = of_b(8, TCP_STATE_ESTABLISHED);
	struct tcp_socket s = { 0 };

	assert_int_equal(cause_of(&a, &b), JOIN_NONE);
	a = row(7, TCP_STATE_ESTABLISHED, "fd00::1", 40000, "fd00::2", 80);
	b = row(8, TCP_STATE_TIME_WAIT, "fd00::2", 80, "fd00::1", 40000);
	assert_int_equal(cause_of(&a, &b), JOIN_STALE);
	assert_int_equal(join_row_of(&s, "10.0.0", b_is, 0, "", &a), -EINVAL);
	assert_int_equal(join_row_of(&s, b_is, "", 0, "", &a), -EINVAL);
}

/* 400,000 of each host, all joined but one; generous, since this may run below a sanitizer. */
static void many_are_joined(void **state UNUSED)
{
	enum { MANY = 400000 };
	uint64_t from = clock_ns(CLOCK_MONOTONIC);
	struct story s;
	char text[32];

	begin(&s);
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.1.%u.%u", i >> 16, i >> 8 & 255);
		add(&s, JOIN_A, row(i, TCP_STATE_ESTABLISHED, text, 1024 + (i & 255), b_is, 80));
		if (i > 0)
			add(&s, JOIN_B,
				row(i, TCP_STATE_ESTABLISHED, b_is, 80, text, 1024 + (i & 255)));
	}
	assert_int_equal(join_match(s.join), 0);
	assert_int_equal(join_suspects(s.join), 1);
	finish(&s);
	assert_int_equal(s.r.joined, MANY - 1);
	end(&s);
	print_message(
		"%d joined in %.2f s\n", MANY, (double)(clock_ns(CLOCK_MONOTONIC) - from) / 1e9);
}

static int parse(const char *text, struct tcp_line *ret)
{
	return tcp_line_parse(text, strlen(text), ret);
}

#define HEAD "{\"schema_version\":1,\"kind\":"
#define FLOW                                                                             \
	"\"local\":\"10.0.0.1\",\"local_port\":1,\"peer\":\"10.0.0.2\",\"peer_port\":2," \
	"\"state\":\"CLOSE_WAIT\""

static void a_line_of_json(void **state UNUSED)
{
	struct tcp_line l;

	assert_int_equal(parse(HEAD "\"connection\",\"new\":{\"a\":[1,\"}\"]},\"timer\":\"probe\","
				    "\"cookie\":18446744073709551615," FLOW
				    ",\"pid\":12,\"command\":\"a\\u00e4\\\"\",\"uid\":null}",
				 &l),
		0);
	assert_int_equal(l.kind, TCP_LINE_CONNECTION);
	assert_true(l.row.cookie == UINT64_MAX);
	assert_int_equal(l.row.state, TCP_STATE_CLOSE_WAIT);
	assert_int_equal(l.row.timer, 4);
	assert_int_equal(l.pid, 12);
	assert_string_equal(l.command, "a\xc3\xa4\"");
	assert_string_equal(l.peer, "10.0.0.2");
	assert_false(row_has(l.row.has, TCP_SOCKET_uid));
	assert_int_equal(parse(HEAD "\"tcp\",\"host\":\"web1\",\"unlisted\":3,\"taken_ns\":9,"
				    "\"lost\":[\"processes of some are not known: x\"]}",
				 &l),
		0);
	assert_int_equal(l.kind, TCP_LINE_END);
	assert_string_equal(l.host, "web1");
	assert_int_equal(l.unlisted, 3);
	assert_false(l.blind);
	assert_int_equal(parse(HEAD "\"tcp\",\"unlisted\":0,\"lost\":[\"processes of some are not "
				    "known: x\",\"sockets are missing\"]}",
				 &l),
		0);
	assert_true(l.blind);
	assert_int_equal(parse(HEAD "\"tomorrow\",\"state\":7}", &l), 0);
	assert_int_equal(l.kind, TCP_LINE_OTHER);
}

static void damaged_lines(void **state UNUSED)
{
	static const char *const bad[] = { "", "[]", "{}", "null", HEAD "\"tcp\"",
		HEAD "\"tcp\"} x", HEAD "\"tcp\",\"unlisted\":-1}",
		HEAD "\"tcp\",\"host\":\"\\u00\"}", HEAD "\"tcp\",\"host\":\"\\u0000\"}",
		HEAD "\"tcp\",\"x\":[1}}", HEAD "\"connection\"}", HEAD "\"connection\"," FLOW "}",
		HEAD "\"connection\",\"cookie\":18446744073709551616," FLOW "}",
		HEAD "\"connection\",\"cookie\":1,\"uid\":4294967296," FLOW "}",
		HEAD "\"connection\",\"cookie\":1,\"state\":\"?\"," FLOW "}",
		HEAD "\"connection\",\"cookie\":1," FLOW ",\"command\":7}",
		/* An end that does not say that it is whole, a version that is not known. */
		HEAD "\"tcp\"}", HEAD "\"tcp\",\"unlisted\":0}", HEAD "\"tcp\",\"lost\":[]}",
		"{\"schema_version\":2,\"kind\":\"tcp\",\"unlisted\":0,\"lost\":[]}",
		"{,\"schema_version\":1,\"kind\":\"tomorrow\"}" };
	struct tcp_line l;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i], &l), -EINVAL);
}

static void texts_of_json(void **state UNUSED)
{
	char buf[8];

	assert_true(json_read_text(span_of("\"\\ud83d\\ude00\""), buf, sizeof(buf)));
	assert_string_equal(buf, "\xf0\x9f\x98\x80");
	assert_true(json_read_text(span_of("\"\\u20ac\\n\""), buf, sizeof(buf)));
	assert_string_equal(buf, "\xe2\x82\xac\n");
	assert_false(json_read_text(span_of("\"\\ud83d\""), buf, sizeof(buf)));
	assert_false(json_read_text(span_of("\"12345678\""), buf, sizeof(buf)));
	assert_true(json_read_text(span_of("\"1234567\""), buf, sizeof(buf)));
	assert_false(json_read_text(span_of("\"\\x\""), buf, sizeof(buf)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_other_end),
		cmocka_unit_test(states_that_go_together),
		cmocka_unit_test(states_that_do_not),
		cmocka_unit_test(what_both_count),
		cmocka_unit_test(what_bytes_tell),
		cmocka_unit_test(what_the_second_look_clears),
		cmocka_unit_test(without_a_second_look),
		cmocka_unit_test(whose_address_it_is),
		cmocka_unit_test(nat_in_front_of_either),
		cmocka_unit_test(mapped_addresses_are_the_same),
		cmocka_unit_test(many_are_joined),
		cmocka_unit_test(a_line_of_json),
		cmocka_unit_test(damaged_lines),
		cmocka_unit_test(texts_of_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
