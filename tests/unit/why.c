/* SPDX-License-Identifier: MIT */
/* Where time goes: from rows made by hand, and words for it. */
#include "model/why.h"
#include "render/why.h"
#include "tests/unit/build.h"

enum { SAMPLES = 100, FUTEX_WAIT = 0x80, FUTEX_WAIT_BITSET = 0x189, LISTEN = 10, ESTABLISHED = 1 };

#define WATCHED (2 * SECOND)
#define PID 500

static void add_process(struct scene *s, uint64_t pid)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);

	was->pid = now->pid = pid;
	was->start_ns = now->start_ns = SECOND;
	now->comm = build_text(&s->now, TABLE_process, "svc");
	now->threads = 1;
	now->state = 'S';
}

static void who_ended_meanwhile(void **state UNUSED)
{
	for (int threads = 0; threads < 3; threads++) {
		const uint64_t pids[] = { PID, PID + 1 };
		struct scene s = { 0 };
		struct why y;

		add_process(&s, PID);
		add_process(&s, 12);
		struct process *gone = build_row(&s.was, TABLE_process);
		struct process *p = s.now.at[TABLE_process]->row;

		gone->pid = PID + 1;
		p->state = 'Z';
		p->ppid = 12;
		p->threads = (uint64_t)threads;
		scene_step(&s);
		assert_int_equal(why_fold(&s.model, pids, 2, &s.arena, &y), 0);
		assert_int_equal(y.ended, 1);
		assert_int_equal(y.zombies, threads < 2);
		if (threads < 2)
			assert_string_equal(y.reaper, "svc (pid 12)");
		scene_end(&s);
	}
}

/* A thread that ran and waited for so many hundredths of the time. */
static struct task_time *add_task(
	struct scene *s, uint64_t tid, const char *comm, unsigned run, unsigned wait)
{
	struct task_time *t = build_row(&s->now, TABLE_task_time);

	t->tid = tid;
	t->pid = PID;
	t->comm = build_text(&s->now, TABLE_task_time, comm);
	t->watched_ns = WATCHED;
	t->samples = SAMPLES;
	t->run_ns = WATCHED / 100 * run;
	t->wait_ns = WATCHED / 100 * wait;
	build_unset(t, TASK_TIME_block_ns);
	build_unset(t, TASK_TIME_memory_ns);
	build_table(&s->now, TABLE_task_place);
	return t;
}

static struct task_place *add_place(struct scene *s, uint64_t tid, char state, const char *wchan,
	const char *call, uint64_t samples)
{
	text_t in = build_text(&s->now, TABLE_task_place, wchan);
	text_t by = build_text(&s->now, TABLE_task_place, call);
	struct task_place *p = build_row(&s->now, TABLE_task_place);

	p->id = s->now.at[TABLE_task_place]->n;
	p->tid = tid;
	p->pid = PID;
	p->state = (uint32_t)state;
	p->wchan = in;
	p->call = by;
	p->samples = samples;
	build_unset(p, TASK_PLACE_socket);
	build_unset(p, TASK_PLACE_reclaims);
	return p;
}

static struct tcp_socket *add_socket(
	struct scene *s, uint64_t inode, uint32_t state, uint32_t port, const char *peer)
{
	text_t address = build_text(&s->now, TABLE_tcp_socket, peer);
	struct tcp_socket *t = build_row(&s->now, TABLE_tcp_socket);
	struct process_socket *h = build_row(&s->now, TABLE_process_socket);

	t->cookie = t->inode = h->inode = inode;
	h->pid = PID;
	t->state = state;
	t->family = 2;
	t->local_port = port;
	t->peer_port = 5432;
	t->peer = address;
	t->send_mss = 1000;
	t->send_window_bytes = 60000;
	return t;
}

static struct why fold(struct scene *s)
{
	static const uint64_t pids[] = { PID };
	struct why y;
	double sum = 0;

	scene_step(s);
	assert_int_equal(why_fold(&s->model, pids, 1, &s->arena, &y), 0);
	for (size_t i = 0; i < y.n_parts; i++)
		sum += y.part[i].ns;
	if (y.all_ns > 0)
		assert_true(sum > y.all_ns * 0.999 && sum < y.all_ns * 1.001);
	return y;
}

static const struct why_part *part_of(const struct why *y, enum why_state state)
{
	for (size_t i = 0; i < y->n_parts; i++) {
		if (y->part[i].state == state)
			return &y->part[i];
	}
	return NULL;
}

static int percent(const struct why *y, enum why_state state)
{
	const struct why_part *p = part_of(y, state);

	return p ? (int)(p->ns / y->all_ns * 100 + 0.5) : 0;
}

/* Two hundred that idle do not hide the one that computes. */
static void a_pool_does_not_hide_the_busy_one(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	add_task(&s, 1000, "worker-7", 50, 10)->user_ns = SECOND;
	add_place(&s, 1000, 'R', "", "", 60);
	add_place(&s, 1000, 'D', "folio_wait_bit_common", "", 40);
	for (uint64_t tid = 1; tid <= 200; tid++) {
		struct task_place *p;

		add_task(&s, tid, tid % 2 ? "pool-1-thread-11" : "pool-1-thread-202", 0, 0);
		p = add_place(&s, tid, 'S', "futex_wait_queue", "futex", SAMPLES);
		p->operation = FUTEX_WAIT_BITSET;
	}
	struct why y = fold(&s);

	assert_int_equal(y.leading, WHY_USER);
	assert_int_equal(y.tasks, 201);
	assert_int_equal(y.part[0].state, WHY_USER);
	assert_int_equal(part_of(&y, WHY_CONDITION)->tasks, 200);
	assert_true(part_of(&y, WHY_DISK)->ns == WATCHED * 0.4);
	assert_true(part_of(&y, WHY_CPU)->ns == WATCHED * 0.1);
	assert_int_equal(y.n_groups, 2);
	assert_string_equal(y.group[0].name, "worker-#");
	assert_string_equal(y.group[1].name, "pool-#-thread-#");
	assert_int_equal(y.group[1].tasks, 200);
	scene_end(&s);
}

static void four_in_a_hundred_is_idle(void **state UNUSED)
{
	for (unsigned run = 4; run <= 5; run++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, PID);
		add_task(&s, PID, "svc", run, 0)->user_ns = 1;
		add_place(&s, PID, 'S', "ep_poll", "epoll_wait", SAMPLES);
		assert_int_equal(fold(&s).leading, run == 4 ? WHY_WORK : WHY_USER);
		scene_end(&s);
	}
}

/* Who waits for a CPU and never gets one has not been counted by the kernel yet. */
static void a_starving_thread_waits(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	add_task(&s, PID, "svc", 0, 0);
	add_place(&s, PID, 'R', "", "", SAMPLES);
	struct why y = fold(&s);

	assert_int_equal(y.leading, WHY_CPU);
	assert_int_equal(percent(&y, WHY_CPU), 100);
	scene_end(&s);
}

static struct why limited(struct scene *s, uint64_t throttled_ns, uint64_t hits, uint64_t faults)
{
	static const char path[] = "/svc/inner";
	text_t at = build_text(&s->now, TABLE_cgroup, "/svc");
	struct cgroup *was = build_row(&s->was, TABLE_cgroup);
	struct cgroup *now = build_row(&s->now, TABLE_cgroup);
	struct process_cgroup *member = build_row(&s->now, TABLE_process_cgroup);

	was->id = now->id = UINT64_C(0xcbf29ce484222325);
	for (const char *c = "/svc"; *c; c++)
		was->id = now->id = (now->id ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	now->path = at;
	now->cpu_throttled_ns = throttled_ns;
	now->memory_limit_hits = hits;
	member->pid = PID;
	member->path = build_text(&s->now, TABLE_process_cgroup, path);
	build_unset(member, PROCESS_CGROUP_cpu_path);
	((struct process *)s->now.at[TABLE_process]->row)->major_faults = faults;
	return fold(s);
}

/* The limit is of the group above: it is the one to be named. */
static void a_quota_stops_it(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	add_task(&s, PID, "svc", 20, 80)->user_ns = 1;
	add_place(&s, PID, 'R', "", "", SAMPLES);
	struct why y = limited(&s, WATCHED / 100 * 70, 0, 0);

	assert_int_equal(y.leading, WHY_THROTTLED);
	assert_int_equal(percent(&y, WHY_THROTTLED), 70);
	assert_int_equal(percent(&y, WHY_CPU), 10);
	assert_string_equal(y.throttled.path, "/svc");
	scene_end(&s);
}

/* Reading from disk is waiting for memory where a limit has pushed out what is read. */
static void thrashing_is_memory(void **state UNUSED)
{
	static const struct {
		uint64_t hits, faults;
		enum why_state want;
	} cases[] = {
		{ 20, 20, WHY_MEMORY }, { 19, 20, WHY_DISK }, /* under 10 a second */
		{ 900, 19, WHY_DISK }, /* a copy that is larger than its group */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, PID);
		add_task(&s, PID, "svc", 10, 0);
		add_place(&s, PID, 'D', "folio_wait_bit_common", "", SAMPLES);
		assert_int_equal(
			limited(&s, 0, cases[i].hits, cases[i].faults).leading, cases[i].want);
		scene_end(&s);
	}
}

static void reclaim_is_memory(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	add_task(&s, PID, "svc", 100, 0)->system_ns = 7;
	for (unsigned i = 0; i < 2; i++) {
		struct task_place *p = add_place(&s, PID, 'R', "", "", i ? 75 : 25);

		row_set(&p->has, TASK_PLACE_reclaims);
		p->reclaims = i;
	}
	struct why y = fold(&s);

	assert_int_equal(y.leading, WHY_MEMORY);
	assert_int_equal(percent(&y, WHY_MEMORY), 75);
	assert_int_equal(percent(&y, WHY_SYSTEM), 25);
	scene_end(&s);
}

/* Delay accounting knows what samples take for a disk and for running. */
static void measured_memory(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	struct task_time *t = add_task(&s, PID, "svc", 50, 0);

	t->system_ns = 5;
	row_set(&t->has, TASK_TIME_memory_ns);
	t->memory_ns = WATCHED / 100 * 60;
	add_place(&s, PID, 'D', "folio_wait_bit_common", "", 20);
	add_place(&s, PID, 'S', "ep_poll", "epoll_wait", 30);
	struct why y = fold(&s);

	assert_int_equal(y.leading, WHY_MEMORY);
	assert_int_equal(percent(&y, WHY_MEMORY), 60);
	assert_int_equal(percent(&y, WHY_DISK), 0);
	assert_int_equal(percent(&y, WHY_SYSTEM), 10);
	assert_int_equal(percent(&y, WHY_WORK), 30);
	scene_end(&s);
}

/* Locks: with an owner, not caught, parked; and a condition variable, which is idle. */
static void futexes(void **state UNUSED)
{
	static const struct {
		uint64_t operation, holder; /* 1: caught without one; 0: not caught */
		enum why_state want;
		const char *text;
	} cases[] = {
		{ FUTEX_WAIT, 600, WHY_LOCK, "a mutex that flusher (tid 600) holds" },
		{ FUTEX_WAIT, 0, WHY_LOCK, "a mutex; who holds it was not caught" },
		{ FUTEX_WAIT, 1, WHY_CONDITION, "parked in futex; nobody owns it" },
		{ FUTEX_WAIT_BITSET, 600, WHY_CONDITION, "a condition variable, or parked" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, PID);
		add_task(&s, PID, "svc", 0, 0);
		add_task(&s, 600, "flusher", 0, 0)->pid = 999; /* not asked for */
		add_place(&s, PID, 'S', "futex_wait_queue", "futex", SAMPLES)->operation =
			cases[i].operation;
		if (cases[i].holder) {
			struct futex_wait *f = build_row(&s.now, TABLE_futex_wait);

			f->tid = PID;
			f->holder = cases[i].holder;
			if (cases[i].holder == 1)
				build_unset(f, FUTEX_WAIT_holder);
		}
		struct why y = fold(&s);

		assert_int_equal(y.tasks, 1);
		assert_int_equal(y.leading, cases[i].want);
		assert_string_equal(y.part[0].place[0].text, cases[i].text);
		assert_int_equal(
			y.part[0].place[0].holder, cases[i].want == WHY_LOCK ? cases[i].holder : 0);
		scene_end(&s);
	}
}

/* One connection that a thread reads from: who owes whom what? */
static void reads_of_one_connection(void **state UNUSED)
{
	static const struct {
		uint32_t listens; /* on port 7000, which is the socket's; 0: nobody does */
		uint64_t sent, received, bytes, grown, acked;
		enum why_state want;
	} cases[] = {
		{ 0, 900, 1000, 50, 0, 9, WHY_PEER },    /* asked after what came last */
		{ 0, 1000, 900, 50, 0, 9, WHY_WORK },    /* answered: nothing is in flight */
		{ 0, 1000, 900, 50, 10, 9, WHY_PEER },   /* the answer comes in pieces */
		{ 0, 900, 900, 0, 0, 9, WHY_PEER },      /* the first request */
		{ 0, 900, 900, 0, 0, 1, WHY_WORK },      /* only the SYN was acknowledged */
		{ 7000, 900, 1000, 50, 0, 9, WHY_WORK }, /* a server whose client is silent */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, PID);
		add_task(&s, PID, "svc", 0, 0);
		struct task_place *p = add_place(&s, PID, 'S', "sk_wait_data", "recv", SAMPLES);

		row_set(&p->has, TASK_PLACE_socket);
		p->socket = 77;
		struct tcp_socket *was = build_row(&s.was, TABLE_tcp_socket);
		struct tcp_socket *t = add_socket(&s, 77, ESTABLISHED, 7000, "10.0.0.5");

		was->cookie = 77;
		was->received_bytes = cases[i].bytes;
		t->received_bytes = cases[i].bytes + cases[i].grown;
		t->acked_bytes = cases[i].acked;
		t->last_sent_ns = cases[i].sent;
		t->last_received_ns = cases[i].received;
		if (cases[i].listens)
			add_socket(&s, 78, LISTEN, cases[i].listens, "");
		struct why y = fold(&s);

		assert_int_equal(y.leading, cases[i].want);
		if (cases[i].want == WHY_PEER)
			assert_non_null(strstr(y.part[0].place[0].text, "10.0.0.5:5432"));
		scene_end(&s);
	}
}

/* An event loop has requests in flight all the time: only an old one is what it waits for. */
static void event_loops(void **state UNUSED)
{
	for (int old = 0; old < 2; old++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, PID);
		add_task(&s, PID, "svc", 0, 0);
		add_place(&s, PID, 'S', "ep_poll", "epoll_wait", SAMPLES);
		struct tcp_socket *t = add_socket(&s, 77, ESTABLISHED, 7000, "10.0.0.5");

		t->received_bytes = 5;
		t->last_sent_ns = old ? 100000000 : 99999999;
		t->last_received_ns = SECOND;
		struct why y = fold(&s);

		assert_int_equal(y.leading, old ? WHY_PEER : WHY_WORK);
		assert_true(!old || y.part[0].place[0].oldest_ns == 100000000);
		scene_end(&s);
	}
}

/* Clients that wait for it, with and without what was read of them. */
static void clients_wait(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	add_task(&s, PID, "svc", 0, 0);
	add_place(&s, PID, 'S', "hrtimer_nanosleep", "nanosleep", SAMPLES);
	add_socket(&s, 70, LISTEN, 80, "")->receive_queue = 3;
	for (uint64_t i = 0; i < 3; i++) {
		struct tcp_socket *t = add_socket(&s, 80 + i, ESTABLISHED, 80, "10.0.0.9");

		t->received_bytes = 9;
		t->last_sent_ns = 50;
		t->last_received_ns =
			i == 0 ? 40 : 60; /* in hand; answered; the next lies unread */
		t->receive_queue = i == 2;
	}
	struct why y = fold(&s);

	assert_int_equal(y.leading, WHY_TIMER);
	assert_int_equal(y.clients, 2);
	assert_int_equal(y.client_oldest_ns, 60);
	assert_int_equal(y.not_accepted, 3);
	scene_end(&s);
}

/*
 * Each state has words, a command and what refutes it; a hostile group stays one word of a shell.
 */
static void words_for_all(void **state UNUSED)
{
	static const uint64_t pid = PID;

	for (int i = 0; i < WHY_STATES; i++) {
		struct arena a = { 0 };
		auto_strbuf text = { 0 }, json = { 0 };
		struct text_style style = { .width = 80 };
		struct why y = { .sampled = true,
			.watched_ns = SECOND,
			.all_ns = (double)SECOND,
			.tasks = 1,
			.n_parts = 1,
			.leading = (enum why_state)i,
			.thrashes = true,
			.throttled = { "/a;reboot", 1 },
			.memory = { "/a;reboot", 1 } };
		struct why_report r = {
			.why = &y, .who = "svc (pid 500)", .pid = &pid, .n_pids = 1
		};

		y.part[0] = (struct why_part){ .state = (enum why_state)i, .ns = (double)SECOND };
		assert_int_equal(why_explain(&r, &a), 0);
		assert_non_null(strstr(r.verdict, "svc (pid 500) "));
		assert_true(r.n_todo > 0 && r.refuted_if[0]);
		for (size_t k = 0; k < r.n_todo; k++) {
			const char *at = strstr(r.todo[k], "/a;reboot");

			assert_true(!at || at[-1] == '\'');
		}
		why_text(&r, &style, &text);
		why_json(&r, &json);
		assert_non_null(strstr(text.bytes, why_state_name((enum why_state)i)));
		assert_non_null(strstr(json.bytes, "\"leading\""));
		arena_release(&a);
	}
}

/* Of a unit with several processes a command names all of them, and the holder's own. */
static void words_for_a_unit(void **state UNUSED)
{
	static const uint64_t pid[] = { 500, 600 };
	struct arena a = { 0 };
	struct why y = { .watched_ns = SECOND,
		.all_ns = (double)SECOND,
		.tasks = 2,
		.n_parts = 1,
		.leading = WHY_LOCK };
	struct why_place place = { .text = "a lock", .ns = 1, .holder = 601 };
	struct why_report r = {
		.why = &y, .who = "unit a", .pid = pid, .n_pids = 2, .lacks = "cgroup is late"
	};

	y.part[0] = (struct why_part){ .state = WHY_LOCK, .ns = (double)SECOND, .n_places = 1 };
	y.part[0].place[0] = place;
	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.fact[0], "cgroup is late"));
	assert_non_null(strstr(r.todo[0], "  cat /proc/601/comm /proc/601/wchan /proc/601/stack"));
	assert_non_null(strstr(r.todo[1], "/proc/601/status"));
	y.part[0].place[0].holder = 0;
	r.n_todo = 0;
	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.todo[0], "for p in 500 600; do"));
	y.leading = y.part[0].state = WHY_USER;
	r.n_todo = 0;
	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.todo[0], "perf top -p 500,600"));
	arena_release(&a);
}

/* A command is for copying, at whatever width; --color colours. */
static void commands_stay_whole(void **state UNUSED)
{
	static const uint64_t pid[] = { 500, 600 };
	struct arena a = { 0 };
	auto_strbuf out = { 0 };
	struct text_style style = { .width = 40, .colour = true };
	struct why y = { .watched_ns = SECOND, .all_ns = 1, .n_parts = 1, .leading = WHY_USER };
	struct why_report r = { .why = &y, .who = "unit a", .pid = pid, .n_pids = 2 };

	y.part[0] = (struct why_part){ .state = WHY_USER, .ns = 1 };
	assert_int_equal(why_explain(&r, &a), 0);
	why_text(&r, &style, &out);
	assert_non_null(strstr(out.bytes, "\n               perf top -p 500,600\n"));
	assert_non_null(strstr(out.bytes, "\033[2m"));
	arena_release(&a);
}

/* The last of many facts is that some could not be seen. */
static void all_facts_have_room(void **state UNUSED)
{
	struct arena a = { 0 };
	struct why y = { .watched_ns = SECOND,
		.throttled = { "/a", 1 },
		.memory = { "/a", 1 },
		.stall = { "/a", 1 },
		.clients = 1,
		.not_accepted = 1,
		.major_faults_per_s = reading_of(1),
		.read_bytes_per_s = reading_of(1),
		.block_ratio = reading_of(0.5) };
	struct why_report r = { .why = &y, .who = "a", .lacks = "late", .denied = true };

	assert_int_equal(why_explain(&r, &a), 0);
	assert_non_null(strstr(r.fact[r.n_facts - 1], "needs root"));
	arena_release(&a);
}

static void without_samples(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, PID);
	((struct process *)s.now.at[TABLE_process]->row)->user_ns = SECOND;
	struct why y = fold(&s);

	assert_false(y.sampled);
	assert_int_equal(y.leading, WHY_USER);
	assert_int_equal(percent(&y, WHY_USER), 50);
	assert_int_equal(percent(&y, WHY_OTHER), 50);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_ended_meanwhile),
		cmocka_unit_test(a_pool_does_not_hide_the_busy_one),
		cmocka_unit_test(four_in_a_hundred_is_idle),
		cmocka_unit_test(a_starving_thread_waits),
		cmocka_unit_test(a_quota_stops_it),
		cmocka_unit_test(thrashing_is_memory),
		cmocka_unit_test(reclaim_is_memory),
		cmocka_unit_test(measured_memory),
		cmocka_unit_test(futexes),
		cmocka_unit_test(reads_of_one_connection),
		cmocka_unit_test(event_loops),
		cmocka_unit_test(clients_wait),
		cmocka_unit_test(words_for_all),
		cmocka_unit_test(words_for_a_unit),
		cmocka_unit_test(commands_stay_whole),
		cmocka_unit_test(all_facts_have_room),
		cmocka_unit_test(without_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
