/* SPDX-License-Identifier: MIT */
/* What murphy tcp nagle makes of traced connections: groups, order, text and JSON. */
#include "render/nagle.h"
#include "tests/unit/build.h"

enum { MS = 1000000, CLIENT = 41, SERVER = 42, HIDDEN = 0 };

struct show {
	struct frame f, was;
	struct arena a;
	struct nagle_report r;
	struct strbuf out;
};

static void add_process(struct frame *f, uint64_t pid, const char *comm)
{
	text_t name = build_text(f, TABLE_process, comm);
	struct process *p = build_row(f, TABLE_process);

	p->pid = pid;
	p->comm = name;
}

static struct nagle_hold *add(struct show *s, uint64_t pid, uint32_t local_port, const char *peer,
	uint32_t peer_port, uint64_t stalls)
{
	text_t there = build_text(&s->f, TABLE_nagle_hold, peer);
	text_t here = build_text(&s->f, TABLE_nagle_hold, "10.0.0.1");
	struct nagle_hold *h = build_row(&s->f, TABLE_nagle_hold);

	h->cookie = s->f.at[TABLE_nagle_hold]->n;
	h->pid = pid;
	h->local = here;
	h->local_port = local_port;
	h->peer = there;
	h->peer_port = peer_port;
	h->sends = 3 * stalls + 10;
	h->holds = stalls + 1;
	h->held_ns = stalls * 40 * MS + 2 * MS;
	h->longest_ns = 44 * MS;
	h->stalls = stalls;
	h->stalled_ns = stalls * 40 * MS;
	h->answered = stalls;
	h->sent_bytes = 200;
	h->held_bytes = 300;
	return h;
}

static void start(struct show *s)
{
	*s = (struct show){ 0 };
	s->f.boottime_ns = 1000 * SECOND;
	add_process(&s->f, CLIENT, "shop");
	add_process(&s->f, SERVER, "answerer");
	text_t probe = build_text(&s->f, TABLE_nagle_watch, "tracepoint sock_send_length");
	struct nagle_watch *w = build_row(&s->f, TABLE_nagle_watch);

	build_table(&s->f, TABLE_nagle_hold);
	w->watched_ns = 5 * SECOND;
	w->probe = probe;
	w->sends = 12345;
	w->runs = 24000;
	w->run_ns = 7200000;
}

static void view(struct show *s)
{
	for (int i = 0; i < TABLES; i++) {
		if (s->f.at[i])
			assert_int_equal(table_sort(s->f.at[i]), 0);
	}
	s->r.frame = &s->f;
	s->r.was = &s->was;
	assert_int_equal(nagle_view(&s->r, &s->a), 0);
}

static const char *text(struct show *s, unsigned int width)
{
	struct text_style style = { .width = width };

	strbuf_clear(&s->out);
	nagle_text(&s->r, &style, &s->out);
	return strbuf_text(&s->out);
}

static const char *lines(struct show *s, int code)
{
	strbuf_clear(&s->out);
	nagle_json(&s->r, code, &s->out);
	return strbuf_text(&s->out);
}

static void stop(struct show *s)
{
	strbuf_release(&s->out);
	arena_release(&s->a);
	frame_release(&s->f);
	frame_release(&s->was);
}

static void a_clients_connections_are_one_group(void **state UNUSED)
{
	struct show s;

	start(&s);
	add(&s, CLIENT, 40001, "10.0.0.2", 8080, 3);
	add(&s, CLIENT, 40002, "10.0.0.2", 8080, 7);
	add(&s, CLIENT, 40003, "10.0.0.3", 8080, 1);
	view(&s);
	assert_int_equal(s.r.n, 2);
	const struct nagle_group *g = &s.r.group[0];

	assert_string_equal(g->command, "shop");
	assert_string_equal(g->peer, "10.0.0.2");
	assert_int_equal(g->connections, 2);
	assert_int_equal(g->peer_port, 8080);
	assert_int_equal(g->local_port, 0);
	assert_int_equal(g->stalls, 10);
	assert_int_equal(g->holds, 12);
	assert_int_equal(g->sends, 50);
	assert_int_equal(g->held_ns, 404 * MS);
	assert_int_equal(g->worst->stalls, 7);
	assert_int_equal(s.r.stalls, 11);
	assert_true(nagle_waits(g));
	assert_false(nagle_waits(&s.r.group[1])); /* one alone may be a chance */
	stop(&s);
}

static void a_servers_clients_are_one_group(void **state UNUSED)
{
	struct show s;

	start(&s);
	add(&s, SERVER, 8080, "10.0.0.2", 40001, 3);
	add(&s, SERVER, 8080, "10.0.0.2", 40002, 3);
	view(&s);
	assert_int_equal(s.r.n, 1);
	assert_int_equal(s.r.group[0].local_port, 8080);
	assert_int_equal(s.r.group[0].peer_port, 0);
	assert_non_null(strstr(text(&s, 160), "answerer (pid 42) at 10.0.0.1:8080 -> 10.0.0.2, 2"));
	stop(&s);
}

/* Nobody knows whether two unknown writers are the same. */
static void what_is_not_seen_is_not_joined(void **state UNUSED)
{
	struct show s;

	start(&s);
	add(&s, HIDDEN, 40001, "10.0.0.2", 8080, 3);
	add(&s, HIDDEN, 40002, "10.0.0.2", 8080, 3);
	view(&s);
	assert_int_equal(s.r.n, 2);
	assert_null(s.r.group[0].command);
	assert_non_null(strstr(lines(&s, 1), "\"pid\":null,\"command\":null"));
	stop(&s);
}

static void the_acker_is_named(void **state UNUSED)
{
	struct show s;

	start(&s);
	struct nagle_hold *h = add(&s, CLIENT, 40001, "10.0.0.2", 8080, 3);

	h->acker_inode = 777;
	h->delayed_acks = 3;
	struct socket_owner *o = build_row(&s.f, TABLE_socket_owner);

	o->inode = 777;
	o->pid = SERVER;
	view(&s);
	assert_int_equal(s.r.group[0].acker_pid, SERVER);
	assert_non_null(strstr(text(&s, 100), "answerer (pid 42)"));
	assert_non_null(strstr(lines(&s, 1), "\"acker_pid\":42,\"acker\":\"answerer\""));
	stop(&s);
}

static void who_has_ended_keeps_its_name(void **state UNUSED)
{
	struct show s;

	start(&s);
	add_process(&s.was, 99, "brief");
	assert_int_equal(table_sort(s.was.at[TABLE_process]), 0);
	add(&s, 99, 40001, "10.0.0.2", 8080, 3);
	view(&s);
	assert_string_equal(s.r.group[0].command, "brief");
	stop(&s);
}

static void only_what_was_asked_for(void **state UNUSED)
{
	for (int i = 0; i < 3; i++) {
		struct show s;

		start(&s);
		add(&s, CLIENT, 40001, "10.0.0.2", 8080, 3);
		add(&s, CLIENT, 40002, "10.0.0.2", 9090, 3);
		add(&s, SERVER, 8080, "10.0.0.2", 40009, 3);
		s.r.pid = i == 0 ? CLIENT : 0;
		s.r.port = i == 1 ? 8080 : i == 2 ? 1 : 0;
		view(&s);
		assert_int_equal(s.r.n, i == 2 ? 0 : 2);
		assert_int_equal(s.r.stalls, i == 2 ? 0 : 6);
		stop(&s);
	}
}

static void nothing_held(void **state UNUSED)
{
	struct show s;

	start(&s);
	view(&s);
	const char *said = text(&s, 100);

	assert_non_null(strstr(said, "12345 over TCP in all"));
	assert_non_null(strstr(said, "Nothing was held"));
	assert_non_null(strstr(said, "300 ns"));
	assert_non_null(strstr(lines(&s, 0), "\"stalls\":0"));
	stop(&s);
}

/* Held for a round trip each: no stall, no advice. */
static void round_trips_are_no_stalls(void **state UNUSED)
{
	struct show s;

	start(&s);
	add(&s, CLIENT, 40001, "10.0.0.2", 8080, 0);
	view(&s);
	const char *said = text(&s, 100);

	assert_non_null(strstr(said, "No stall"));
	assert_null(strstr(said, "TCP_NODELAY"));
	stop(&s);
}

static void what_was_not_watched_is_not_zero(void **state UNUSED)
{
	struct show s;

	start(&s);
	table_fail(s.f.at[TABLE_nagle_hold], STATE_DENIED, "needs CAP_BPF and CAP_PERFMON");
	table_fail(s.f.at[TABLE_nagle_watch], STATE_DENIED, "needs CAP_BPF and CAP_PERFMON");
	view(&s);
	assert_null(s.r.watch);
	assert_string_equal(s.r.why, "needs CAP_BPF and CAP_PERFMON");
	const char *said = lines(&s, 3);

	assert_non_null(strstr(said, "\"state\":\"denied\""));
	assert_non_null(strstr(said, "\"stalls\":null"));
	assert_non_null(strstr(said, "\"sends\":null"));
	stop(&s);
}

static void a_cost_that_nobody_counted_is_unknown(void **state UNUSED)
{
	struct show s;

	start(&s);
	struct nagle_watch *w = table_at(s.f.at[TABLE_nagle_watch], 0);

	build_unset(w, NAGLE_WATCH_runs);
	build_unset(w, NAGLE_WATCH_run_ns);
	build_unset(w, NAGLE_WATCH_sends);
	view(&s);
	const char *said = text(&s, 100);

	assert_non_null(strstr(said, "does not count it"));
	assert_non_null(strstr(said, "how many is not known"));
	assert_non_null(strstr(lines(&s, 0), "\"ns_per_run\":null,\"cpu_share\":null"));
	stop(&s);
}

static void advice_once_for_each_program(void **state UNUSED)
{
	struct show s;

	start(&s);
	add_process(&s.f, CLIENT + 100, "shop");
	add(&s, CLIENT, 40001, "10.0.0.2", 8080, 3);
	add(&s, CLIENT + 100, 40002, "10.0.0.2", 8080, 3);
	view(&s);
	const char *said = text(&s, 60), *first = strstr(said, "refuted if");

	assert_int_equal(s.r.n, 2);
	assert_non_null(first);
	assert_null(strstr(first + 1, "refuted if"));
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clients_connections_are_one_group),
		cmocka_unit_test(a_servers_clients_are_one_group),
		cmocka_unit_test(what_is_not_seen_is_not_joined),
		cmocka_unit_test(the_acker_is_named),
		cmocka_unit_test(who_has_ended_keeps_its_name),
		cmocka_unit_test(only_what_was_asked_for),
		cmocka_unit_test(nothing_held),
		cmocka_unit_test(round_trips_are_no_stalls),
		cmocka_unit_test(what_was_not_watched_is_not_zero),
		cmocka_unit_test(a_cost_that_nobody_counted_is_unknown),
		cmocka_unit_test(advice_once_for_each_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
