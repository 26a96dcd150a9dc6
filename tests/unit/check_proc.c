/* SPDX-License-Identifier: MIT */
/* proc.zombies, proc.pid-limit, proc.restarting, and the models below them. */
#include "base/hash.h"
#include "model/crowd.h"
#include "model/limits.h"
#include "model/respawn.h"
#include "model/zombies.h"
#include "tests/unit/build.h"

#include <stdio.h>

extern const struct check check_proc_zombies, check_proc_pid_limit, check_proc_restarting;

static bool says(const struct finding *f, const char *text)
{
	for (size_t i = 0; i < f->n_todo; i++) {
		if (strstr(f->todo[i], text))
			return true;
	}
	return false;
}

static struct process *add(
	struct frame *f, uint64_t pid, uint64_t ppid, const char *comm, uint64_t start_ns)
{
	struct process *p = build_row(f, TABLE_process);

	p->pid = pid;
	p->ppid = ppid;
	p->session = pid;
	p->comm = build_text(f, TABLE_process, comm);
	p->state = 'S';
	p->threads = 1;
	p->start_ns = start_ns;
	return p;
}

/* In both frames. */
static struct process *add_both(
	struct scene *s, uint64_t pid, uint64_t ppid, const char *comm, uint64_t start_ns)
{
	add(&s->was, pid, ppid, comm, start_ns);
	return add(&s->now, pid, ppid, comm, start_ns);
}

static void add_limits(struct scene *s, uint64_t tasks, uint64_t pid_max, uint64_t threads_max)
{
	struct loadavg *load = build_row(&s->now, TABLE_loadavg);
	struct sysctl *sysctl = build_row(&s->now, TABLE_sysctl);

	load->tasks = tasks;
	sysctl->kernel_pid_max = pid_max;
	sysctl->kernel_threads_max = threads_max;
}

/* Zombies of pid 10 "nurse": settled ones, those of this look, those of the look before only. */
static void add_zombies(struct scene *s, unsigned settled, unsigned fresh, unsigned reaped)
{
	add_both(s, 10, 1, "nurse", SECOND);
	for (unsigned i = 0; i < settled; i++) {
		add_both(s, 100 + i, 10, "dead", 500 * SECOND + i)->state = 'Z';
		((struct process *)table_at(
			 s->was.at[TABLE_process], s->was.at[TABLE_process]->n - 1))
			->state = 'Z';
	}
	for (unsigned i = 0; i < fresh; i++)
		add(&s->now, 5000 + i, 10, "dead", 1001 * SECOND)->state = 'Z';
	for (unsigned i = 0; i < reaped; i++)
		add(&s->was, 9000 + i, 10, "dead", 999 * SECOND)->state = 'Z';
}

struct zombies_case {
	unsigned settled, fresh, reaped;
	uint64_t pid_max;
	enum verdict want;
	enum severity severity;
};

static void zombies_matter_when_they_stay(void **state UNUSED)
{
	static const struct zombies_case cases[] = {
		{ 19, 0, 0, 4194304, VERDICT_FINE, SEVERITY_INFO },
		{ 20, 0, 0, 4194304, VERDICT_SAD, SEVERITY_INFO },
		{ 0, 500, 500, 4194304, VERDICT_FINE, SEVERITY_INFO }, /* in time */
		{ 0, 500, 0, 4194304, VERDICT_FINE, SEVERITY_INFO },   /* have not had theirs */
		{ 20, 500, 1, 4194304, VERDICT_SAD, SEVERITY_INFO },   /* it does wait */
		{ 1, 3, 0, 32768, VERDICT_SAD, SEVERITY_WARNING },     /* 6 h */
		{ 1, 2, 0, 32768, VERDICT_FINE, SEVERITY_INFO },
		{ 1, 3, 0, 4194304, VERDICT_FINE, SEVERITY_INFO }, /* a month */
		{ 1, 30, 0, 32768, VERDICT_SAD, SEVERITY_CRITICAL },
		{ 99, 0, 0, 1000, VERDICT_SAD, SEVERITY_INFO },
		{ 100, 0, 0, 1000, VERDICT_SAD, SEVERITY_WARNING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct zombies_case *c = &cases[i];
		struct scene s;

		scene_start(&s);
		add_zombies(&s, c->settled, c->fresh, c->reaped);
		add_limits(&s, 300, c->pid_max, 10000000);
		if (scene_case(&s, &check_proc_zombies, i, c->want, c->severity))
			assert_int_equal(scene_only(&s)->culprits[0].pid, 10);
		scene_end(&s);
	}
}

static void a_group_has_fewer_pids(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_zombies(&s, 25, 0, 0);
	add_limits(&s, 300, 4194304, 10000000);
	struct process_cgroup *pc = build_row(&s.now, TABLE_process_cgroup);
	struct cgroup *g = build_row(&s.now, TABLE_cgroup);

	pc->pid = 10;
	pc->path = build_text(&s.now, TABLE_process_cgroup, "/docker/7");
	g->path = build_text(&s.now, TABLE_cgroup, "/docker/7");
	g->id = hash_fnv64("/docker/7", strlen("/docker/7"));
	g->pids = 30;
	g->pids_max = 250;
	assert_int_equal(scene_judge(&s, &check_proc_zombies), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_true(scene_only(&s)->share == 0.1);
	scene_end(&s);
}

static void what_zombies_are_not(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_zombies(&s, 30, 0, 0);
	/* Main threads that ended first. */
	for (table_each(struct process, p, s.now.at[TABLE_process]))
		p->threads = 4;
	assert_int_equal(scene_judge(&s, &check_proc_zombies), VERDICT_FINE);
	assert_int_equal(s.model.zombies->zombies, 0);
	scene_end(&s);

	scene_start(&s); /* one frame: the oldest is old */
	add_zombies(&s, 20, 0, 0);
	table_unref(s.was.at[TABLE_process]);
	s.was.at[TABLE_process] = NULL;
	assert_int_equal(scene_judge(&s, &check_proc_zombies), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_LIKELY);
	for (table_each(struct process, p, s.now.at[TABLE_process]))
		p->start_ns = 950 * SECOND;
	assert_int_equal(scene_judge(&s, &check_proc_zombies), VERDICT_FINE);
	scene_end(&s);

	scene_start(&s); /* a container's first process, that is no init: not to be killed */
	for (uint64_t i = 0; i < 25; i++) {
		add_both(&s, 100 + i, 1, "dead", 500 * SECOND + i)->state = 'Z';
		((struct process *)table_at(
			 s.was.at[TABLE_process], s.was.at[TABLE_process]->n - 1))
			->state = 'Z';
	}
	assert_int_equal(scene_judge(&s, &check_proc_zombies), VERDICT_SAD);
	assert_false(says(scene_only(&s), "kill -TERM"));
	scene_end(&s);

	scene_start(&s); /* why its parent does not wait */
	add_zombies(&s, 20, 0, 0);
	((struct process *)table_at(s.now.at[TABLE_process], 0))->state = 'T';
	assert_int_equal(scene_judge(&s, &check_proc_zombies), VERDICT_SAD);
	assert_non_null(strstr(scene_only(&s)->cause, "nurse (pid 10) is stopped"));
	scene_end(&s);
}

static void the_hosts_pids_run_out(void **state UNUSED)
{
	static const struct {
		uint64_t tasks, pid_max, threads_max;
		enum verdict want;
		enum severity severity;
	} cases[] = {
		{ 29491, 32768, 100000, VERDICT_FINE, SEVERITY_INFO },
		{ 29492, 32768, 100000, VERDICT_SAD, SEVERITY_WARNING },
		{ 32113, 32768, 100000, VERDICT_SAD, SEVERITY_CRITICAL },
		{ 9000, 4194304, 10000, VERDICT_SAD, SEVERITY_WARNING },
		/* 2 % of 4 million are a reserve */
		{ 4150000, 4194304, 10000000, VERDICT_SAD, SEVERITY_WARNING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_limits(&s, cases[i].tasks, cases[i].pid_max, cases[i].threads_max);
		add_both(&s, 20, 1, "pool", SECOND)->threads = 500;
		add_both(&s, 2, 0, "kthreadd", 0)->kthread = 1;
		for (uint64_t pid = 30; pid < 40; pid++)
			add_both(&s, pid, 1, "worker", SECOND)->threads = 60;
		if (scene_case(&s, &check_proc_pid_limit, i, cases[i].want, cases[i].severity)) {
			assert_int_equal(scene_only(&s)->n_culprits, 2);
			assert_string_equal(scene_only(&s)->culprits[0].name, "worker");
			assert_string_equal(
				scene_only(&s)->culprits[0].detail, "10 of that name, 600 threads");
			assert_int_equal(scene_only(&s)->culprits[1].pid, 20);
		}
		scene_end(&s);
	}
}

static void a_containers_pid_max_is_not_the_hosts(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_limits(&s, 5000, 1024, 100000);
	add_both(&s, 1, 0, "app", SECOND);
	assert_int_equal(scene_judge(&s, &check_proc_pid_limit), VERDICT_FINE);
	scene_end(&s);
}

static struct cgroup *add_group(
	struct scene *s, const char *path, uint64_t pids, uint64_t max, uint64_t hits)
{
	struct cgroup *was = build_row(&s->was, TABLE_cgroup);
	struct cgroup *now = build_row(&s->now, TABLE_cgroup);

	was->id = now->id = hash_fnv64(path, strlen(path));
	now->path = build_text(&s->now, TABLE_cgroup, path);
	now->version = 2;
	now->pids = pids;
	now->pids_max = max;
	if (!max)
		build_unset(now, CGROUP_pids_max);
	was->pids_limit_hits = 5;
	now->pids_limit_hits = 5 + hits;
	return now;
}

static void a_groups_pids_run_out(void **state UNUSED)
{
	static const struct {
		uint64_t pids, max, hits;
		enum verdict want;
		enum severity severity;
	} cases[] = {
		{ 57, 64, 0, VERDICT_FINE, SEVERITY_INFO },
		{ 58, 64, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 64, 64, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 40, 64, 1, VERDICT_SAD, SEVERITY_CRITICAL }, /* for a moment */
		{ 15, 15, 9, VERDICT_FINE, SEVERITY_INFO },    /* on purpose */
		{ 900, 0, 0, VERDICT_FINE, SEVERITY_INFO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_limits(&s, 300, 32768, 100000);
		add_group(&s, "/a b", cases[i].pids, cases[i].max, cases[i].hits);
		add_both(&s, 20, 1, "forks", SECOND);
		if (cases[i].want == VERDICT_SAD)
			assert_int_equal(scene_judge(&s, &check_proc_pid_limit), VERDICT_ASK);
		struct cgroup_member *cm = build_row(&s.now, TABLE_cgroup_member);

		cm->pid = 20;
		cm->cgroup = hash_fnv64("/a b", 4);
		if (scene_case(&s, &check_proc_pid_limit, i, cases[i].want, cases[i].severity)) {
			assert_string_equal(scene_only(&s)->culprits[0].name, "/a b");
			assert_int_equal(scene_only(&s)->culprits[1].pid, 20);
			assert_true(says(scene_only(&s), "'/sys/fs/cgroup/a b/pids.max'"));
		}
		scene_end(&s);
	}
}

static void the_group_that_is_full_is_told(void **state UNUSED)
{
	struct scene s;

	scene_start(&s); /* counted where it was tried, although the one above is full */
	add_limits(&s, 300, 32768, 100000);
	add_group(&s, "/top", 100, 100, 0);
	add_group(&s, "/top/low", 90, 0, 7);
	build_row(&s.now, TABLE_cgroup_member);
	assert_int_equal(scene_judge(&s, &check_proc_pid_limit), VERDICT_SAD);
	assert_string_equal(scene_only(&s)->culprits[0].name, "/top");
	assert_int_equal(scene_only(&s)->severity, SEVERITY_CRITICAL);
	scene_end(&s);

	scene_start(&s); /* near only because of the one below */
	add_limits(&s, 300, 32768, 100000);
	add_group(&s, "/top", 100, 110, 0);
	add_group(&s, "/top/low", 100, 100, 0);
	add_group(&s, "/topology", 10, 100, 0);
	build_row(&s.now, TABLE_cgroup_member);
	assert_int_equal(scene_judge(&s, &check_proc_pid_limit), VERDICT_SAD);
	assert_string_equal(scene_only(&s)->culprits[0].name, "/top/low");
	scene_end(&s);
}

static void a_users_limit_counts_all_his_threads(void **state UNUSED)
{
	static const struct {
		uint64_t uid, threads, limit;
		enum verdict want;
		enum severity severity;
	} cases[] = {
		{ 1000, 899, 1000, VERDICT_FINE, SEVERITY_INFO },
		{ 1000, 900, 1000, VERDICT_SAD, SEVERITY_WARNING },
		{ 1000, 980, 1000, VERDICT_SAD, SEVERITY_CRITICAL },
		{ 0, 1000, 1000, VERDICT_FINE, SEVERITY_INFO },
		{ 1000, 63, 63, VERDICT_FINE, SEVERITY_INFO },
		{ 1000, 64, 64, VERDICT_SAD, SEVERITY_CRITICAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_limits(&s, 300, 32768, 100000);
		struct user_tasks *u = build_row(&s.now, TABLE_user_tasks);

		u->uid = cases[i].uid;
		u->threads = cases[i].threads;
		u->limit = cases[i].limit;
		u->pid = 20;
		add_both(&s, 20, 1, "java", SECOND);
		scene_case(&s, &check_proc_pid_limit, i, cases[i].want, cases[i].severity);
		if (cases[i].uid)
			assert_int_equal(s.model.limits->row[0].kind, LIMIT_USER_TASKS);
		scene_end(&s);
	}
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_proc_pid_limit), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* child was started at 999.5 s and is gone; another was at 1001.5 s, under pid 10 called parent. */
static void add_respawn(struct scene *s, const char *parent, const char *child, uint64_t reaped)
{
	struct process *p = add_both(s, 10, 1, parent, 900 * SECOND);

	p->child_minor_faults = reaped;
	struct process *gone = add(&s->was, 100, 10, child, 999 * SECOND + SECOND / 2);
	struct process *born = add(&s->now, 101, 10, child, 1001 * SECOND + SECOND / 2);

	gone->minor_faults = 90;
	born->minor_faults = 100;
}

static void a_supervisor_starts_it_again(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_respawn(&s, "runsv", "flaky", 999);
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_POSSIBLE);
	scene_end(&s);
	scene_start(&s);
	add_respawn(&s, "runsv", "flaky", 1000);
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(scene_only(&s)->culprits[0].pid, 10);
	assert_int_equal(scene_only(&s)->culprits[1].pid, 101);
	assert_int_equal(scene_only(&s)->culprits[2].pid, 100);
	assert_string_equal(scene_only(&s)->title,
		"flaky ends within 2 s and is started again by runsv (pid 10), over and over");
	/* Why it may be. */
	for (int i = 0; i < 2; i++) {
		struct klog_oom *k = build_row(&s.now, TABLE_klog_oom);

		k->sequence = (uint64_t)i;
		k->comm = build_text(&s.now, TABLE_klog_oom, "flaky");
	}
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_SAD);
	assert_non_null(strstr(scene_only(&s)->cause, "want of memory: 2 times"));
	scene_end(&s);
}

static void what_is_no_restart(void **state UNUSED)
{
	static const char *const parents[] = { "bash", "sh", "python3", "cron", "make", "sshd",
		"containerd-shim", "postgres", "flaky", "keepalived", "zabbix_agentd", "mydaemon",
		"fish" };
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		scene_start(&s);
		add_respawn(&s, parents[i], "flaky", 100000);
		if (scene_judge(&s, &check_proc_restarting) != VERDICT_FINE)
			fail_msg("%s", parents[i]);
		scene_end(&s);
	}
	scene_start(&s); /* an upgrade: it had lived long */
	add_respawn(&s, "runsv", "flaky", 1000);
	((struct process *)table_at(s.was.at[TABLE_process], 1))->start_ns = 989 * SECOND;
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_FINE);
	scene_end(&s);
	scene_start(&s); /* two at a time: workers */
	add_respawn(&s, "runsv", "flaky", 1000);
	add_both(&s, 102, 10, "flaky", 950 * SECOND);
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_FINE);
	scene_end(&s);
	scene_start(&s); /* it still runs */
	add_respawn(&s, "runsv", "flaky", 1000);
	add(&s.now, 100, 10, "flaky", 999 * SECOND + SECOND / 2);
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_FINE);
	scene_end(&s);
	scene_start(&s); /* one frame */
	add(&s.now, 10, 1, "runsv", SECOND);
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* Under init the two have sessions of their own, and a unit. */
static void add_unit(struct scene *s, const char *path)
{
	struct process *p = add_both(s, 1, 0, "systemd", 0);

	p->child_minor_faults = 100000;
	add(&s->was, 100, 1, "flaky", 999 * SECOND);
	add(&s->now, 101, 1, "flaky", 1001 * SECOND);
	struct process_cgroup *pc = build_row(&s->now, TABLE_process_cgroup);

	pc->pid = 101;
	pc->path = build_text(&s->now, TABLE_process_cgroup, path);
}

static void init_restarts_units_and_buries_orphans(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_unit(&s, "/system.slice/flaky.service");
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_string_equal(scene_only(&s)->culprits[0].name, "/system.slice/flaky.service");
	assert_non_null(strstr(scene_only(&s)->todo[0], "journalctl -u flaky.service"));
	/* An orphan of a script belongs to the script's session. */
	((struct process *)table_find(s.now.at[TABLE_process], 101))->session = 55;
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_FINE);
	scene_end(&s);
	scene_start(&s);
	add_unit(&s, "/system.slice/system-sshd.slice/sshd@7-10.0.0.1:22-10.0.0.2:4711.service");
	assert_int_equal(scene_judge(&s, &check_proc_restarting), VERDICT_FINE);
	scene_end(&s);
}

static void watching_counts(void **state UNUSED)
{
	struct respawn_model rm = { 0 };
	struct scene s;

	scene_start(&s);
	add_respawn(&s, "mydaemon", "flaky", 0);
	scene_step(&s);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(model_rows[MODEL_respawn]->step(&rm, &s.model, &s.arena), 0);
		assert_int_equal(rm.n, 1);
		assert_int_equal(rm.row[0].seen, i);
		assert_true(rm.row[0].lives == 0);
	}
	s.model.respawn = &rm;
	s.judgement = (struct judgement){ .check = &check_proc_restarting };
	assert_int_equal(check_proc_restarting.judge(&s.model, &s.judgement), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	/* Ten minutes later it is forgotten. */
	s.now.at[TABLE_process]->taken_ns += 601 * SECOND;
	s.model.was = NULL;
	assert_int_equal(model_rows[MODEL_respawn]->step(&rm, &s.model, &s.arena), 0);
	assert_int_equal(rm.n, 0);
	scene_end(&s);
}

static void many_names_have_room(void **state UNUSED)
{
	struct respawn_model rm = { 0 };
	char comm[32];
	struct scene s;

	scene_start(&s);
	for (unsigned i = 0; i < RESPAWN_MAX + 5; i++) {
		snprintf(comm, sizeof(comm), "flaky%u", i);
		add_both(&s, 1000 + i, 1, "runsv", 900 * SECOND);
		add(&s.was, 2000 + i, 1000 + i, comm, 999 * SECOND);
		add(&s.now, 3000 + i, 1000 + i, comm, 1001 * SECOND);
	}
	scene_step(&s);
	assert_int_equal(model_rows[MODEL_respawn]->step(&rm, &s.model, &s.arena), 0);
	assert_int_equal(rm.n, RESPAWN_MAX);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zombies_matter_when_they_stay),
		cmocka_unit_test(a_group_has_fewer_pids),
		cmocka_unit_test(what_zombies_are_not),
		cmocka_unit_test(the_hosts_pids_run_out),
		cmocka_unit_test(a_containers_pid_max_is_not_the_hosts),
		cmocka_unit_test(a_groups_pids_run_out),
		cmocka_unit_test(the_group_that_is_full_is_told),
		cmocka_unit_test(a_users_limit_counts_all_his_threads),
		cmocka_unit_test(a_supervisor_starts_it_again),
		cmocka_unit_test(what_is_no_restart),
		cmocka_unit_test(init_restarts_units_and_buries_orphans),
		cmocka_unit_test(watching_counts),
		cmocka_unit_test(many_names_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
