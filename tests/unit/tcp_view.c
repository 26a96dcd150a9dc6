/* SPDX-License-Identifier: MIT */
/* What murphy tcp shows: order, filters, groups, what is missing, text and JSON. */
#include "render/tcp.h"
#include "tests/unit/build_net.h"

struct show {
	struct frame f;
	struct arena a;
	struct tcp_report r;
	struct strbuf out;
};

static struct tcp_socket *add(struct show *s, uint64_t cookie, const char *peer, uint32_t state)
{
	struct tcp_socket *c = add_socket(&s->f, cookie, peer);

	c->state = state;
	c->send_mss = 1448;
	c->cwnd = 10;
	c->keepalive = 1;
	c->send_window_bytes = c->receive_window_bytes = 65536;
	c->receive_buffer_bytes = 131072;
	c->last_ack_ns = c->last_sent_ns = c->last_received_ns = cookie * SECOND;
	return c;
}

static void own(struct show *s, uint64_t cookie, uint64_t pid)
{
	struct socket_owner *o = build_row(&s->f, TABLE_socket_owner);

	o->inode = 5000 + cookie;
	o->pid = pid;
	o->fd = 7;
	o->holders = 1;
}

static void tally(struct show *s, uint32_t state, enum tcp_verdict verdict, uint64_t sockets)
{
	struct tcp_tally *t = build_row(&s->f, TABLE_tcp_tally);

	t->state = state;
	t->verdict = verdict;
	t->sockets = sockets;
}

static void name(struct show *s, uint64_t pid, const char *comm)
{
	text_t text = build_text(&s->f, TABLE_process, comm);
	struct process *p = build_row(&s->f, TABLE_process);

	p->pid = pid;
	p->comm = text;
}

/*
 * 1: healthy with 3 kB to send; 2: forgotten; 3: the peer is gone; 4: a listener on 80; 5: on it,
 * IPv6, in another namespace; its process is not known.
 */
static void start(struct show *s)
{
	*s = (struct show){ .r = { .owners = true } };
	s->f.boottime_ns = 1000 * SECOND;
	struct tcp_socket *c = add(s, 1, "10.0.0.2", TCP_STATE_ESTABLISHED);

	c->send_queue = 3000;
	c = add(s, 2, "10.0.0.3", TCP_STATE_CLOSE_WAIT);
	c->last_ack_ns = c->last_sent_ns = c->last_received_ns = 100 * SECOND;
	c = add(s, 3, "10.1.0.2", TCP_STATE_ESTABLISHED);
	c->timer = 1;
	c->retransmits = c->timer_retransmits = 6;
	c->send_queue = 10;
	c->unacked = 1;
	c = add(s, 4, "0.0.0.0", TCP_STATE_LISTEN);
	c->local = build_text(&s->f, TABLE_tcp_socket, "0.0.0.0");
	c->local_port = 80;
	c->peer_port = 0;
	c = add(s, 5, "2001:db8::2", TCP_STATE_ESTABLISHED);
	c->local_port = 80;
	c->netns = 4026532177;
	own(s, 1, SELF);
	own(s, 2, SELF);
	own(s, 3, SELF + 1);
	own(s, 4, SELF);
	name(s, SELF, "api");
	name(s, SELF + 1, "for\nged\033[2J");
	tally(s, TCP_STATE_ESTABLISHED, TCP_FINE, 102);
	tally(s, TCP_STATE_ESTABLISHED, TCP_PEER_GONE, 1);
	tally(s, TCP_STATE_CLOSE_WAIT, TCP_CLOSE_WAIT, 1);
	tally(s, TCP_STATE_LISTEN, TCP_FINE, 1);
	s->f.at[TABLE_tcp_socket]->method = "tcp_test";
}

static void view(struct show *s)
{
	struct tcp_report asked = { .frame = &s->f,
		.sort = s->r.sort,
		.by = s->r.by,
		.top = s->r.top,
		.filter = s->r.filter,
		.owners = s->r.owners,
		.now_ns = 1001 * SECOND };

	for (int i = 0; i < TABLES; i++) {
		if (s->f.at[i])
			assert_int_equal(table_sort(s->f.at[i]), 0);
	}
	arena_release(&s->a);
	strbuf_clear(&s->out);
	s->r = asked;
	assert_int_equal(tcp_view_rows(&s->r, &s->a), 0);
	assert_int_equal(tcp_view_owners(&s->r, &s->a), 0);
}

static void stop(struct show *s)
{
	strbuf_release(&s->out);
	arena_release(&s->a);
	frame_release(&s->f);
}

static uint64_t cookie(const struct show *s, size_t i)
{
	return s->r.row[i].s->cookie;
}

static void the_worst_is_first(void **state UNUSED)
{
	struct show s;

	start(&s);
	view(&s);
	assert_int_equal(s.r.n_rows, 5);
	assert_int_equal(cookie(&s, 0), 3);
	assert_int_equal(cookie(&s, 1), 2);
	assert_int_equal(cookie(&s, 2), 1); /* has most to send */
	assert_int_equal(s.r.sockets, 105);
	assert_int_equal(s.r.verdict[TCP_FINE], 103);
	assert_int_equal(s.r.state[TCP_STATE_ESTABLISHED], 103);
	assert_false(s.r.blind);
	s.r.sort = TCP_SORT_SILENCE;
	view(&s);
	assert_int_equal(cookie(&s, 0), 2);
	s.r.sort = TCP_SORT_SEND_QUEUE;
	view(&s);
	assert_int_equal(cookie(&s, 0), 1);
	stop(&s);
}

static void filters(void **state UNUSED)
{
	static const struct {
		const char *address;
		size_t rows;
	} cases[] = {
		{ "10.0.0.2", 1 }, /* a peer */
		{ "10.0.0.1", 4 }, /* ours */
		{ "10.1.0.0/16", 1 },
		{ "10.0.0.2/31", 2 },
		{ "2001:db8::/32", 1 },
		{ "::/1", 5 }, /* IPv4 stands below ::ffff:0:0/96 */
		{ "8000::/1", 0 },
		{ "192.0.2.0/24", 0 },
	};
	struct tcp_prefix p;
	struct show s;

	start(&s);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(tcp_prefix_parse(cases[i].address, &s.r.filter.address));
		view(&s);
		assert_int_equal(s.r.n_rows, cases[i].rows);
	}
	assert_false(tcp_prefix_parse("10.0.0.0/33", &p));
	assert_false(tcp_prefix_parse("10.0.0.0/0", &p));
	assert_false(tcp_prefix_parse("10.0.0.0/8x", &p));
	assert_false(tcp_prefix_parse("host", &p));
	assert_false(tcp_prefix_parse("", &p));
	s.r.filter = (struct tcp_filter){ .pid = SELF };
	view(&s);
	assert_int_equal(s.r.n_rows, 3);
	s.r.filter = (struct tcp_filter){ .comm = "api" };
	view(&s);
	assert_int_equal(s.r.n_rows, 3);
	s.r.filter = (struct tcp_filter){ .comm = "ap" };
	view(&s);
	assert_int_equal(s.r.n_rows, 0);
	stop(&s);
}

/* Who is asked for: what is shown, or all when whose they are decides. */
static void only_owners_that_matter(void **state UNUSED)
{
	struct show s;
	size_t n;

	start(&s);
	s.r.top = 2;
	view(&s);
	uint64_t *inode = tcp_view_inodes(&s.r, &s.a, &n);

	assert_int_equal(n, 2);
	assert_int_equal(inode[0], 5003);
	s.r.by = TCP_BY_PROCESS;
	view(&s);
	assert_non_null(tcp_view_inodes(&s.r, &s.a, &n));
	assert_int_equal(n, 5);
	s.r.by = TCP_BY_PEER;
	view(&s);
	assert_non_null(tcp_view_inodes(&s.r, &s.a, &n));
	assert_int_equal(n, 0);
	stop(&s);
}

static void groups(void **state UNUSED)
{
	struct show s;

	start(&s);
	s.r.by = TCP_BY_PROCESS;
	view(&s);
	assert_int_equal(s.r.n_groups, 3);
	assert_int_equal(s.r.group[0].pid, SELF); /* one wrong each: who has more is first */
	assert_int_equal(s.r.group[0].connections, 3);
	assert_int_equal(s.r.group[0].verdict[TCP_CLOSE_WAIT], 1);
	assert_int_equal(s.r.group[0].send_queue, 3000);
	assert_int_equal(s.r.group[0].silence_ns, 100 * SECOND);
	assert_string_equal(s.r.group[2].name, "(process not known)");
	s.r.by = TCP_BY_PORT;
	view(&s);
	assert_int_equal(s.r.n_groups, 3);
	assert_string_equal(s.r.group[0].name, "to :5432");
	assert_string_equal(s.r.group[1].name, "on :80");
	assert_string_equal(s.r.group[2].name, "to :5432 (network namespace 4026532177)");
	s.r.by = TCP_BY_VERDICT;
	view(&s);
	assert_int_equal(s.r.n_groups, 3);
	s.r.by = TCP_BY_PEER;
	view(&s);
	assert_int_equal(s.r.n_groups, 5);
	tcp_json_rows(&s.r, 0, 100, &s.out);
	tcp_json_end(&s.r, 0, &s.out);
	assert_non_null(strstr(s.out.bytes, "\"kind\":\"connections\",\"by\":\"peer\""));
	stop(&s);
}

static void text_is_harmless_and_narrow(void **state UNUSED)
{
	static const unsigned int widths[] = { 40, 80, 100, 132, 200 };
	struct show s;

	start(&s);
	for (int by = 0; by < TCP_BYS; by++) {
		for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
			struct text_style style = { .width = widths[i] };

			s.r.by = (enum tcp_by)by;
			view(&s);
			tcp_text(&s.r, &style, &s.out);
			assert_false(s.out.failed);
			assert_null(strchr(s.out.bytes, '\033'));
			assert_non_null(strstr(s.out.bytes, "murphy explain"));
			if (widths[i] < 100)
				continue;
			for (const char *line = s.out.bytes, *end; *line; line = end + 1) {
				end = strchr(line, '\n');
				if (end - line > (long)widths[i])
					fail_msg("%u: %.*s", widths[i], (int)(end - line), line);
			}
		}
	}
	stop(&s);
}

static void what_is_missing_is_said(void **state UNUSED)
{
	struct text_style style = { .width = 100 };
	struct show s;

	start(&s);
	/* Healthy ones that nobody wanted are no loss. */
	s.f.at[TABLE_tcp_socket]->lost = 100;
	view(&s);
	assert_false(s.r.blind);
	assert_int_equal(s.r.unlisted, 100);
	tcp_text(&s.r, &style, &s.out);
	assert_non_null(strstr(s.out.bytes, "and 100 more"));
	s.f.at[TABLE_tcp_socket]->lost = 103;
	s.f.at[TABLE_tcp_tally]->lost = 3;
	table_fail(
		s.f.at[TABLE_tcp_tally], STATE_OK, "other network namespaces need CAP_SYS_ADMIN");
	view(&s);
	assert_true(s.r.blind);
	assert_int_equal(s.r.unlisted, 100);
	assert_non_null(strstr(s.r.lack[0], "CAP_SYS_ADMIN"));
	s.f.at[TABLE_tcp_tally]->lost = 0;
	table_fail(s.f.at[TABLE_socket_owner], STATE_DENIED, "needs CAP_SYS_PTRACE");
	view(&s);
	assert_true(s.r.blind);
	s.r.owners = false;
	view(&s);
	assert_false(s.r.blind);
	/* Who may not look into processes does not know which namespaces there are. */
	table_fail(build_table(&s.f, TABLE_netns), STATE_OK, "processes not looked into: 3");
	view(&s);
	assert_true(s.r.blind);
	assert_non_null(strstr(s.r.lack[0], "namespaces may be missing: processes not"));
	struct netns *n = build_row(&s.f, TABLE_netns);

	n->processes = 1;
	view(&s);
	assert_false(s.r.blind);
	assert_int_equal(s.r.n_lacks, 0);
	stop(&s);
}

static void json(void **state UNUSED)
{
	struct show s;

	start(&s);
	s.r.top = 2;
	view(&s);
	tcp_json_rows(&s.r, 0, 100, &s.out);
	tcp_json_end(&s.r, 0, &s.out);
	assert_non_null(strstr(s.out.bytes, "\"kind\":\"connection\",\"verdict\":\"peer-gone\","
					    "\"state\":\"ESTABLISHED\",\"timer\":\"retransmit\""));
	assert_non_null(strstr(s.out.bytes, "\"pid\":977,\"command\":\"api\",\"fd\":7"));
	assert_non_null(strstr(s.out.bytes, "\"listed\":2,\"unlisted\":3,"));
	assert_non_null(strstr(s.out.bytes, "\"namespaces\":[]"));
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worst_is_first),
		cmocka_unit_test(filters),
		cmocka_unit_test(only_owners_that_matter),
		cmocka_unit_test(groups),
		cmocka_unit_test(text_is_harmless_and_narrow),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
