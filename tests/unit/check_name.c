/* SPDX-License-Identifier: MIT */
/* name.slow, and the sockets that it judges by. "6.18" corpora were captured on Linux 6.18. */
#include "check/check.h"
#include "source/source.h"
#include "tests/unit/build.h"
#include "tests/unit/parse.h"

extern const struct check check_name_slow;

static void sockets_of_resolvers(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_dns_socket]);

	assert_int_equal(parse_corpus("dns_socket/6.18", dns_socket_parse, t), 0);
	assert_int_equal(t->n, 1);
	const struct dns_socket *d = t->row;

	assert_string_equal(table_text(t, d->server), "127.0.0.1");
	assert_int_equal(d->local_port, 0xb86f);
	assert_int_equal(d->inode, 3389567);
	assert_int_equal(d->receive_queue, 0);
	assert_int_equal(parse_corpus("dns_socket/6.18-v6", dns_socket_parse, t), 0);
	d = t->row;
	assert_int_equal(t->n, 3);
	assert_string_equal(table_text(t, d[1].server), "127.0.0.3");
	assert_string_equal(table_text(t, d[2].server), "::1");
	assert_int_equal(parse_corpus("dns_socket/6.18-none", dns_socket_parse, t), 0);
	assert_int_equal(parse_corpus("dns_socket/cut", dns_socket_parse, t), 0);
	assert_int_equal(parse_corpus("dns_socket/damaged", dns_socket_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("dns_socket/short-address", dns_socket_parse, t), -EINVAL);
	assert_int_equal(parse_text("", dns_socket_parse, t), -ENODATA);
	assert_int_equal(t->n, 3);
	table_unref(t);
}

static struct dns_socket *add_socket(struct frame *f, uint64_t inode, const char *server)
{
	struct dns_socket *d = build_row(f, TABLE_dns_socket);

	d->inode = inode;
	d->server = build_text(f, TABLE_dns_socket, server);
	d->local_port = (uint32_t)(40000 + inode);
	return d;
}

/* A process of that name holds the socket in both frames. */
static void add_asker(struct scene *s, uint64_t pid, const char *comm, uint64_t inode)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *p = build_row(&s->now, TABLE_process);

	was->pid = p->pid = pid;
	was->start_ns = p->start_ns = 5 * SECOND;
	was->state = p->state = 'S';
	was->threads = p->threads = 1;
	was->comm = build_text(&s->was, TABLE_process, comm);
	p->comm = build_text(&s->now, TABLE_process, comm);
	add_socket(&s->was, inode, "192.0.2.53");
	add_socket(&s->now, inode, "192.0.2.53");
}

static void add_owner(struct scene *s, uint64_t inode, uint64_t pid)
{
	struct socket_owner *o = build_row(&s->now, TABLE_socket_owner);

	o->inode = inode;
	o->pid = pid;
	o->fd = 7;
}

/* polls: so many descriptors, 0: no call of poll(). */
static struct task_wait *add_wait(struct scene *s, uint64_t tid, const char *wchan, uint64_t polls)
{
	struct task_wait *w = build_row(&s->now, TABLE_task_wait);

	w->tid = w->pid = tid;
	w->state = 'S';
	w->wchan = build_text(&s->now, TABLE_task_wait, wchan);
	w->polled = polls;
	build_unset(w, TASK_WAIT_descriptor);
	if (polls == 0)
		build_unset(w, TASK_WAIT_polled);
	return w;
}

static void who_waits_is_named(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	add_asker(&s, 9, "curl", 100);
	add_socket(&s.now, 101, "192.0.2.53"); /* asked just now */
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 1);
	assert_int_equal(s.judgement.ask[0].key, 100);
	add_owner(&s, 100, 9);
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_ASK);
	assert_int_equal(s.judgement.ask[0].table, TABLE_task_wait);
	add_wait(&s, 9, "poll_schedule_timeout.constprop.0", 1);
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 1);
	const struct finding *f = s.judgement.finding[0];

	/* Alone it may be one name whose servers are dead. */
	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_int_equal(f->culprits[0].kind, ENTITY_PEER);
	assert_string_equal(f->culprits[0].name, "192.0.2.53:53");
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 9);
	/* It has an answer and will read it. */
	((struct dns_socket *)table_find(s.now.at[TABLE_dns_socket], 100))->receive_queue = 80;
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_FINE);
	scene_end(&s);
}

static void two_that_wait_are_a_warning(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_asker(&s, 9, "curl", 100);
	add_asker(&s, 10, "nscd", 101);
	add_owner(&s, 100, 9);
	add_owner(&s, 101, 10);
	add_wait(&s, 9, "do_sys_poll", 1);
	/* A resolver that reads. */
	struct task_wait *w = add_wait(&s, 10, "__skb_wait_for_more_packets", 0);

	row_set(&w->has, TASK_WAIT_descriptor);
	w->descriptor = 7;
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_int_equal(scene_only(&s)->n_victims, 2);
	scene_end(&s);
}

static void event_loops_and_forwarders_keep_sockets(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_asker(&s, 9, "node", 100);
	add_asker(&s, 10, "dnsmasq", 101);
	add_asker(&s, 11, "spamd child", 102);
	add_asker(&s, 12, "statsd", 103);
	add_asker(&s, 13, "loop", 104);
	for (uint64_t i = 0; i < 5; i++)
		add_owner(&s, 100 + i, 9 + i);
	add_wait(&s, 9, "ep_poll", 0);
	add_wait(&s, 10, "do_sys_poll", 1);
	struct task_wait *w = add_wait(&s, 11, "poll_schedule_timeout", 0);

	w->stack = build_text(&s.now, TABLE_task_wait, "poll_schedule_timeout < do_select");
	w = add_wait(&s, 12, "__skb_wait_for_more_packets", 0);

	row_set(&w->has, TASK_WAIT_descriptor);
	w->descriptor = 3; /* another socket */
	add_wait(&s, 13, "do_sys_poll", 4);
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_FINE);
	scene_end(&s);
}

/* Another thread than the main one asks; of one that was not looked at nobody knows. */
static void threads_wait_too(void **state UNUSED)
{
	static const struct {
		const char *wchan;
		uint64_t polls, threads;
		enum verdict verdict;
	} cases[] = {
		{ "do_sys_poll", 1, 2, VERDICT_SAD },
		{ "do_sys_poll", 1, 200, VERDICT_SAD },
		{ "ep_poll", 0, 2, VERDICT_FINE },
		{ "ep_poll", 0, 3, VERDICT_UNKNOWN },
		{ "", 0, 2, VERDICT_UNKNOWN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_asker(&s, 9, "java", 100);
		((struct process *)s.now.at[TABLE_process]->row)->threads =
			(uint32_t)cases[i].threads;
		add_owner(&s, 100, 9);
		struct thread *th = build_row(&s.now, TABLE_thread);

		th->tid = 12;
		th->pid = 9;
		add_wait(&s, 9, "futex_wait_queue", 0);
		add_wait(&s, 12, cases[i].wchan, cases[i].polls);
		assert_int_equal(scene_judge(&s, &check_name_slow), cases[i].verdict);
		scene_end(&s);
	}
}

/* Into whom we may not look may keep a socket on purpose, or wait: neither an alarm nor fine. */
static void of_strangers(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_table(&s.now, TABLE_socket_owner)->lost = 1;
	build_table(&s.now, TABLE_task_wait);
	add_socket(&s.was, 100, "10.0.0.1");
	add_socket(&s.now, 100, "10.0.0.1");
	add_socket(&s.was, 101, "10.0.0.1");
	add_socket(&s.now, 101, "10.0.0.1");
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_DENIED);
	/* All were looked into, and nobody has them any more. */
	s.now.at[TABLE_socket_owner]->lost = 0;
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_FINE);
	s.now.at[TABLE_socket_owner]->state = STATE_LATE;
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	/* A shorter look proves nothing. */
	s.was.at[TABLE_dns_socket]->taken_ns = s.now.at[TABLE_dns_socket]->taken_ns - SECOND;
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* Not asked: what poll() was called with. An interrupted call does not tell. */
static void an_interrupted_poll_is_unknown(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_asker(&s, 9, "loop", 100);
	add_owner(&s, 100, 9);
	struct task_wait *w = add_wait(&s, 9, "do_sys_poll", 0);

	w->stack = build_text(&s.now, TABLE_task_wait, "do_sys_poll < do_restart_poll");
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_ABSENT);
	scene_end(&s);
}

/* What nobody read is not what root would see: it is no blind spot. */
static void threads_that_are_not_read(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_asker(&s, 9, "haproxy", 100);
	((struct process *)s.now.at[TABLE_process]->row)->threads = 8;
	add_owner(&s, 100, 9);
	struct task_wait *w = add_wait(&s, 9, "ep_poll", 0);

	table_fail(build_table(&s.now, TABLE_thread), STATE_ABSENT, "700 threads, not read: calm");
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_ABSENT);
	assert_non_null(strstr(s.judgement.unknown_why, "700 threads"));
	/* Its calls are hidden: that needs root. */
	w->wchan = 0;
	build_unset(w, TASK_WAIT_syscall);
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_DENIED);
	assert_non_null(strstr(s.judgement.unknown_why, "needs root"));
	s.now.at[TABLE_task_wait]->n = 0;
	table_fail(s.now.at[TABLE_task_wait], STATE_LATE, "stacks of 0 of 1 tasks in time");
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_LATE);
	scene_end(&s);
	/* More sockets than are looked at. */
	scene_start(&s);
	for (uint64_t i = 0; i < 65; i++) {
		add_asker(&s, 9 + i, "loop", 100 + i);
		add_owner(&s, 100 + i, 9 + i);
		add_wait(&s, 9 + i, "ep_poll", 0);
	}
	assert_int_equal(scene_judge(&s, &check_name_slow), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_ABSENT);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_of_resolvers),
		cmocka_unit_test(who_waits_is_named),
		cmocka_unit_test(two_that_wait_are_a_warning),
		cmocka_unit_test(an_interrupted_poll_is_unknown),
		cmocka_unit_test(event_loops_and_forwarders_keep_sockets),
		cmocka_unit_test(threads_wait_too),
		cmocka_unit_test(threads_that_are_not_read),
		cmocka_unit_test(of_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
