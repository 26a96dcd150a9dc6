/* SPDX-License-Identifier: MIT */
/* cpu.saturated, cpu.steal, cpu.throttled, proc.fd-limit. */
#include "check/entity.h"
#include "tests/unit/build.h"

extern const struct check check_cpu_saturated, check_cpu_steal, check_cpu_throttled,
	check_proc_fd_limit;

static void add_cpus(struct scene *s, uint64_t user_ns, uint64_t idle_ns, uint64_t steal_ns)
{
	for (int64_t id = -1; id < 2; id++) {
		struct cpu *was = build_row(&s->was, TABLE_cpu);
		struct cpu *now = build_row(&s->now, TABLE_cpu);

		was->id = now->id = id;
		now->user_ns = user_ns;
		now->idle_ns = idle_ns;
		now->steal_ns = steal_ns;
	}
}

static void add_pressure(struct scene *s, uint64_t stalled_ns)
{
	struct pressure *was = build_row(&s->was, TABLE_pressure);
	struct pressure *now = build_row(&s->now, TABLE_pressure);

	was->resource = build_text(&s->was, TABLE_pressure, "cpu");
	now->resource = build_text(&s->now, TABLE_pressure, "cpu");
	now->some_total_ns = stalled_ns;
}

static void add_running(struct scene *s, uint64_t running)
{
	((struct kernel_stat *)build_row(&s->was, TABLE_kernel_stat))->running = running + 5;
	((struct kernel_stat *)build_row(&s->now, TABLE_kernel_stat))->running = running;
}

/* It ran and waited for so many hundredths of the two seconds. */
static struct process *add_process(
	struct scene *s, uint64_t pid, const char *comm, uint64_t run, uint64_t wait)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process_sched *sched_was = build_row(&s->was, TABLE_process_sched);
	struct process_sched *sched = build_row(&s->now, TABLE_process_sched);
	struct process *now = build_row(&s->now, TABLE_process);

	was->pid = now->pid = sched_was->pid = sched->pid = pid;
	now->session = pid;
	now->comm = build_text(&s->now, TABLE_process, comm);
	now->user_ns = sched->run_ns = run * SECOND / 50;
	sched->wait_ns = wait * SECOND / 50;
	return now;
}

/* One process with 16 threads on two CPUs: only the run queue shows them. */
static struct scene *hog_and_victim(struct scene *s)
{
	scene_start(s);
	add_cpus(s, 4 * SECOND, 0, 0);
	add_pressure(s, 2 * SECOND);
	add_running(s, 19);
	struct process *hog = add_process(s, 10, "burn", 0, 0);

	hog->user_ns = 4 * SECOND;
	hog->threads = 17;
	return s;
}

static void who_waits_for_a_hog_is_a_victim(void **state UNUSED)
{
	struct scene s;

	hog_and_victim(&s);
	add_process(&s, 20, "api", 5, 85);
	add_process(&s, 30, "idle", 0, 1);
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_int_equal(f->culprits[0].pid, 10);
	assert_int_equal(f->n_culprits, 1);
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 20);
	assert_string_equal(
		f->title, "8 tasks wait for each CPU; api (pid 20) got 5 % and waited 85 %");
	scene_end(&s);
}

/* Only what the system's own manager knows can be set there. */
static void the_unit_of_a_group(void **state UNUSED)
{
	static const struct {
		const char *path, *unit;
	} cases[] = {
		{ "/system.slice/web.service", "web.service" },
		{ "/system.slice/web.service/worker", "web.service" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
			"user@1000.service" },
		{ "/user.slice/user-1000.slice/session-4.scope", "session-4.scope" },
		{ "/init.scope", "init.scope" },
		{ "/docker/7/system.slice/web.service", NULL },
		{ "/system.slice/-x.service", NULL },
		{ "/system.slice", NULL },
		{ "/", NULL },
		{ NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct judgement j = { 0 };
		const char *unit = system_unit(&j, cases[i].path);

		if (!cases[i].unit)
			assert_null(unit);
		else
			assert_string_equal(unit, cases[i].unit);
		arena_release(&j.arena);
	}
}

/* All that a user runs is not to be restarted for one of its processes. */
static void what_a_unit_is_restarted_by(void **state UNUSED)
{
	static const struct {
		const char *path, *command;
	} cases[] = {
		{ "/system.slice/web.service/worker", "systemctl restart web.service" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
			"kill -TERM 20" },
		{ "/user.slice/user-1000.slice/session-4.scope", "kill -TERM 20" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		hog_and_victim(&s);
		add_process(&s, 20, "api", 5, 85);
		struct process_cgroup *pc = build_row(&s.now, TABLE_process_cgroup);

		pc->pid = 20;
		pc->path = build_text(&s.now, TABLE_process_cgroup, cases[i].path);
		scene_step(&s);
		assert_string_equal(restart_command(&s.judgement, &s.model, 20), cases[i].command);
		scene_end(&s);
	}
}

static void add_thread(struct scene *s, uint64_t pid, uint64_t tid, uint64_t run, uint64_t wait)
{
	struct thread *was = build_row(&s->was, TABLE_thread);
	struct thread *now = build_row(&s->now, TABLE_thread);

	was->pid = now->pid = pid;
	was->tid = now->tid = tid;
	now->comm = build_text(&s->now, TABLE_thread, "worker");
	now->run_ns = run * SECOND / 50;
	now->wait_ns = wait * SECOND / 50;
}

/* Its main thread sleeps; what serves its clients is a thread. */
static void a_thread_that_waits_makes_a_victim(void **state UNUSED)
{
	struct scene s;

	hog_and_victim(&s);
	add_process(&s, 20, "api", 0, 0)->threads = 3;
	add_thread(&s, 20, 21, 10, 29);
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->n_victims, 0);
	add_thread(&s, 20, 22, 10, 50);
	add_thread(&s, 20, 23, 20, 60);
	add_thread(&s, 10, 11, 10, 90); /* of the hog */
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 20);
	assert_string_equal(
		f->victims[0].detail, "thread worker ran 20 % and waited 60 % of the look");
	assert_string_equal(f->title, "8 tasks wait for each CPU; thread worker of api (pid 20) "
				      "got 20 % and waited 60 %");
	scene_end(&s);
}

static void who_belongs_to_the_load_is_no_victim(void **state UNUSED)
{
	struct scene s;

	hog_and_victim(&s);
	add_process(&s, 20, "burn", 5, 85);              /* its like */
	add_process(&s, 21, "ld", 5, 85)->session = 10;  /* of the same build */
	add_process(&s, 22, "batch", 5, 85)->nice = 10;  /* asked to wait */
	add_process(&s, 23, "scrub", 5, 85)->policy = 5; /* SCHED_IDLE */
	add_process(&s, 24, "wrk", 40, 45);              /* gets its share */
	add_process(&s, 25, "kswapd0", 5, 85)->kthread = 1;
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	assert_int_equal(s.judgement.finding[0]->n_victims, 0);
	scene_end(&s);
}

static void a_busy_machine_is_fine(void **state UNUSED)
{
	struct scene s;

	scene_start(&s); /* nginx under wrk: 77 % stalled, one waits for each CPU */
	add_cpus(&s, 4 * SECOND, 0, 0);
	add_pressure(&s, SECOND * 3 / 2);
	add_running(&s, 6);
	add_process(&s, 1, "nginx", 46, 44);
	add_process(&s, 2, "nginx", 46, 44);
	add_process(&s, 3, "wrk", 5, 60);
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s); /* a throttled group: all wait while CPUs idle */
	add_cpus(&s, SECOND, 3 * SECOND, 0);
	add_pressure(&s, 2 * SECOND);
	add_running(&s, 19);
	add_process(&s, 3, "api", 5, 90);
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_FINE);
	scene_end(&s);

	hog_and_victim(&s); /* the queue was there when murphy looked, and at no other time */
	((struct pressure *)table_at(s.now.at[TABLE_pressure], 0))->some_total_ns = SECOND / 10;
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_FINE);
	scene_end(&s);
}

static void saturation_without_its_tables_is_unknown(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_UNKNOWN);
	assert_int_equal(scene_judge(&s, &check_cpu_steal), VERDICT_UNKNOWN);
	add_cpus(&s, 4 * SECOND, 0, 0);
	struct process *p = build_row(&s.now, TABLE_process);

	p->pid = 1;
	assert_int_equal(scene_judge(&s, &check_cpu_saturated), VERDICT_UNKNOWN);
	scene_end(&s);
}

static enum verdict judge_steal(struct scene *s, uint64_t user_ns, uint64_t steal_ns)
{
	scene_start(s);
	add_cpus(s, user_ns, 4 * SECOND - user_ns - steal_ns, steal_ns);
	add_process(s, 20, "api", 50, 0);
	return scene_judge(s, &check_cpu_steal);
}

static void steal_is_of_the_time_wanted(void **state UNUSED)
{
	struct scene s;

	assert_int_equal(judge_steal(&s, SECOND, SECOND / 4), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	assert_int_equal(s.judgement.finding[0]->confidence, CONFIDENCE_CERTAIN);
	assert_string_equal(s.judgement.finding[0]->title,
		"The hypervisor took 20 % of the CPU time that this machine asked for");
	assert_int_equal(s.judgement.finding[0]->victims[0].pid, 20);
	scene_end(&s);
	assert_int_equal(judge_steal(&s, SECOND, SECOND / 20), VERDICT_SAD);
	assert_true(s.judgement.finding[0]->aside);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	scene_end(&s);
	assert_int_equal(judge_steal(&s, SECOND, SECOND / 100), VERDICT_FINE);
	scene_end(&s);
	/* much of it stolen, and nobody who would run for long */
	scene_start(&s);
	add_cpus(&s, SECOND, 2 * SECOND, SECOND);
	add_process(&s, 20, "cron", 2, 0);
	assert_int_equal(scene_judge(&s, &check_cpu_steal), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	scene_end(&s);
	/* an idle machine: half of nearly nothing */
	assert_int_equal(judge_steal(&s, SECOND / 20, SECOND / 20), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s);
	add_cpus(&s, SECOND, SECOND, 0);
	for (size_t i = 0; i < 3; i++)
		build_unset(table_at(s.now.at[TABLE_cpu], i), CPU_steal_ns);
	assert_int_equal(scene_judge(&s, &check_cpu_steal), VERDICT_UNKNOWN);
	scene_end(&s);
}

static struct cgroup *add_cgroup(struct scene *s, uint64_t periods, uint64_t throttled)
{
	struct cgroup *was = build_row(&s->was, TABLE_cgroup);
	struct cgroup *now = build_row(&s->now, TABLE_cgroup);

	was->id = now->id = 7;
	now->path = build_text(&s->now, TABLE_cgroup, "/lab");
	now->version = 2;
	was->cpu_periods = was->cpu_throttled_periods = 1000;
	now->cpu_periods = 1000 + periods;
	now->cpu_throttled_periods = 1000 + throttled;
	now->cpu_throttled_ns = throttled * SECOND / 20;
	now->cpu_quota_ns = SECOND / 50;
	now->cpu_period_ns = SECOND / 10;
	now->cpu_usage_ns = SECOND / 5;
	return now;
}

static void a_throttled_group_names_its_processes(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpus(&s, SECOND, 3 * SECOND, 0);
	add_cgroup(&s, 20, 5);
	add_process(&s, 20, "api", 5, 85);
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_ASK);
	assert_int_equal(s.judgement.ask[0].table, TABLE_cgroup_member);
	assert_int_equal(s.judgement.ask[0].key, 7);
	struct cgroup_member *member = build_row(&s.now, TABLE_cgroup_member);

	member->pid = 20;
	member->cgroup = 7;
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->culprits[0].kind, ENTITY_CGROUP);
	assert_string_equal(f->culprits[0].name, "/lab");
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 20);
	assert_non_null(strstr(f->cause, "may use 0.2 CPUs"));
	/* Those of groups below it stop too; a neighbour of like name does not. */
	for (uint64_t pid = 21; pid < 23; pid++) {
		add_process(&s, pid, "worker", 5, 85);
		struct process_cgroup *pc = build_row(&s.now, TABLE_process_cgroup);

		pc->pid = pid;
		pc->path = build_text(
			&s.now, TABLE_process_cgroup, pid == 21 ? "/lab/a/b" : "/laboratory");
		build_unset(pc, PROCESS_CGROUP_cpu_path);
	}
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_SAD);
	f = s.judgement.finding[0];
	assert_int_equal(f->n_victims, 2);
	assert_int_equal(f->victims[1].pid, 21);
	assert_non_null(strstr(f->cause, "idle"));
	scene_end(&s);
}

/* Whoever may make a group chooses its name; the commands are copied to a root prompt. */
static void a_name_is_one_word_of_a_command(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpus(&s, SECOND, 3 * SECOND, 0);
	struct cgroup *g = add_cgroup(&s, 20, 5);

	g->path = build_text(&s.now, TABLE_cgroup, "/a; rm -rf $HOME 'b");
	build_unset(g, CGROUP_cpu_quota_ns);
	build_row(&s.now, TABLE_cgroup_member);
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_SAD);
	const struct finding *f = s.judgement.finding[0];

	assert_string_equal(f->todo[0],
		"watch it:  grep -E 'nr_|thr' '/sys/fs/cgroup/a; rm -rf $HOME '\\''b/cpu.stat'");
	/* A quota that is not known is not doubled. */
	for (size_t i = 0; i < f->n_todo; i++)
		assert_null(strstr(f->todo[i], "echo"));
	assert_string_equal(shell_word(&s.judgement, "/plain-1.service"), "/plain-1.service");
	assert_string_equal(shell_word(&s.judgement, ""), "''");
	scene_end(&s);
}

static void rare_throttling_is_fine(void **state UNUSED)
{
	static const uint64_t healthy[][2] = { { 20, 4 }, { 4, 4 }, { 0, 0 } };
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(healthy); i++) {
		scene_start(&s);
		add_cgroup(&s, healthy[i][0], healthy[i][1]);
		assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_FINE);
		scene_end(&s);
	}
	scene_start(&s); /* every period, for microseconds */
	add_cgroup(&s, 20, 20)->cpu_throttled_ns = SECOND / 1000;
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_FINE);
	scene_end(&s);
	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_UNKNOWN);
	build_row(&s.now, TABLE_cgroup); /* one look */
	assert_int_equal(scene_judge(&s, &check_cpu_throttled), VERDICT_UNKNOWN);
	scene_end(&s);
}

static enum verdict judge_fds(
	struct scene *s, uint64_t open_was, uint64_t open, uint64_t soft, uint64_t hard)
{
	scene_start(s);
	add_process(s, 20, "api", 5, 5);
	struct process_fd *was = build_row(&s->was, TABLE_process_fd);
	struct process_fd *now = build_row(&s->now, TABLE_process_fd);
	struct process_limits *l = build_row(&s->now, TABLE_process_limits);

	was->pid = now->pid = l->pid = 20;
	was->open = open_was;
	now->open = open;
	l->fd_soft = soft;
	l->fd_hard = hard;
	return scene_judge(s, &check_proc_fd_limit);
}

static void descriptors_near_their_limit(void **state UNUSED)
{
	static const struct {
		uint64_t was, open, soft;
		enum severity want;
	} sick[] = {
		{ 930, 930, 1024, SEVERITY_WARNING }, { 1010, 1010, 1024, SEVERITY_CRITICAL },
		{ 1024, 1024, 1024, SEVERITY_CRITICAL },
		{ 900, 930, 1024, SEVERITY_CRITICAL },         /* 6 s are left */
		{ 985000, 985000, 1000000, SEVERITY_WARNING }, /* 15,000 are a reserve */
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(sick); i++) {
		assert_int_equal(judge_fds(&s, sick[i].was, sick[i].open, sick[i].soft, 1048576),
			VERDICT_SAD);
		assert_int_equal(s.judgement.finding[0]->severity, sick[i].want);
		assert_int_equal(s.judgement.finding[0]->culprits[0].pid, 20);
		scene_end(&s);
	}
	judge_fds(&s, 1010, 1010, 1024, 1024);
	assert_string_equal(
		s.judgement.finding[0]->title, "api (pid 20) has 1010 of 1024 files open (99 %)");
	scene_end(&s);
}

static void descriptors_far_from_their_limit(void **state UNUSED)
{
	struct scene s;

	assert_int_equal(judge_fds(&s, 900, 900, 1024, 4096), VERDICT_FINE);
	scene_end(&s);
	judge_fds(&s, 900, 900, 1024, 4096);
	s.now.at[TABLE_process_fd]->lost = 70; /* not root: one of 71 was seen */
	assert_int_equal(scene_judge(&s, &check_proc_fd_limit), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_DENIED);
	scene_end(&s);
	assert_int_equal(judge_fds(&s, 5, 5, 1, 1), VERDICT_FINE); /* sshd's sandbox */
	scene_end(&s);
	assert_int_equal(judge_fds(&s, 900, 900, 256, 256), VERDICT_FINE); /* lowered on purpose */
	scene_end(&s);
	judge_fds(&s, 1010, 1010, 1024, 1024);
	build_unset(table_at(s.now.at[TABLE_process_limits], 0), PROCESS_LIMITS_fd_soft);
	assert_int_equal(scene_judge(&s, &check_proc_fd_limit), VERDICT_FINE); /* unlimited */
	table_fail(s.now.at[TABLE_process_limits], STATE_DENIED, "needs root");
	assert_int_equal(scene_judge(&s, &check_proc_fd_limit), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_DENIED);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_waits_for_a_hog_is_a_victim),
		cmocka_unit_test(who_belongs_to_the_load_is_no_victim),
		cmocka_unit_test(a_thread_that_waits_makes_a_victim),
		cmocka_unit_test(the_unit_of_a_group),
		cmocka_unit_test(what_a_unit_is_restarted_by),
		cmocka_unit_test(a_busy_machine_is_fine),
		cmocka_unit_test(saturation_without_its_tables_is_unknown),
		cmocka_unit_test(steal_is_of_the_time_wanted),
		cmocka_unit_test(a_throttled_group_names_its_processes),
		cmocka_unit_test(a_name_is_one_word_of_a_command),
		cmocka_unit_test(rare_throttling_is_fine),
		cmocka_unit_test(descriptors_near_their_limit),
		cmocka_unit_test(descriptors_far_from_their_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
