/* SPDX-License-Identifier: MIT */
/* Kills for want of memory: whom, when, whose limit. */
#include "check/check.h"
#include "tests/unit/build.h"

#define MIB (UINT64_C(1) << 20)

extern const struct check check_mem_oom;

static void add_kill(struct scene *s, uint64_t ago_ns, const char *cgroup)
{
	struct klog_oom *k = build_row(&s->now, TABLE_klog_oom);

	k->sequence = s->now.at[TABLE_klog_oom]->n;
	k->at_ns = s->now.boottime_ns - ago_ns;
	k->pid = 100 + k->sequence;
	text_t comm = build_text(&s->now, TABLE_klog_oom, "victim");
	text_t constraint = build_text(&s->now, TABLE_klog_oom, cgroup[0] ? "memcg" : "none");
	text_t path = build_text(&s->now, TABLE_klog_oom, cgroup);

	k->comm = comm;
	k->constraint = constraint;
	k->cgroup = k->victim_cgroup = path;
	k->limit_bytes = 64 * MIB;
	if (!cgroup[0])
		build_unset(k, KLOG_OOM_limit_bytes);
}

static void start_late(struct scene *s)
{
	scene_start(s);
	s->was.boottime_ns = 200000 * SECOND;
	s->now.boottime_ns = 200002 * SECOND;
}

/* A pod that was killed and started anew, each time with another name. */
static void add_pod_kills(struct scene *s)
{
	add_kill(s, 300 * SECOND, "/pods/one/aaa");
	add_kill(s, 200 * SECOND, "/pods/one/bbb");
	add_kill(s, 100 * SECOND, "/pods/one/ccc");
}

static void add_group(struct scene *s, uint64_t id, const char *path)
{
	struct cgroup *c = build_row(&s->now, TABLE_cgroup);

	c->id = id;
	c->version = 2;
	c->path = build_text(&s->now, TABLE_cgroup, path);
}

static void oom_kills_are_told_by_limit_and_age(void **state UNUSED)
{
	static const struct {
		const char *cgroup;
		int times;
		uint64_t ago_s;
		enum severity severity;
		bool past;
	} cases[] = {
		{ "/job", 1, 60, SEVERITY_WARNING, false },
		{ "/job", 1, 61, SEVERITY_WARNING, true },
		{ "/job", 3, 60, SEVERITY_CRITICAL, false },
		{ "/job", 3, 3000, SEVERITY_CRITICAL, true },
		{ "", 1, 60, SEVERITY_CRITICAL, false },
		{ "", 1, 600, SEVERITY_CRITICAL, true },
		{ "", 1, 601, SEVERITY_WARNING, true },
		{ "/job", 1, 7200, SEVERITY_INFO, true },
		{ "/job", 3, 7200, SEVERITY_WARNING, true },
		{ "", 1, 7200, SEVERITY_WARNING, true },
		{ "", 1, 82800, SEVERITY_WARNING, true },
		{ "/job", 2, 82800, SEVERITY_INFO, true },
		{ "", 5, 90000, SEVERITY_INFO, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		start_late(&s);
		for (int k = 0; k < cases[i].times; k++)
			add_kill(&s, cases[i].ago_s * SECOND, cases[i].cgroup);
		assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
		const struct finding *f = scene_only(&s);

		assert_int_equal(f->severity, cases[i].severity);
		assert_int_equal(f->past, cases[i].past);
		assert_int_equal(f->culprits[0].kind, ENTITY_CGROUP);
		assert_string_equal(
			f->culprits[0].name, cases[i].cgroup[0] ? cases[i].cgroup : "/");
		assert_int_equal(f->n_victims, (size_t)cases[i].times);
		assert_int_equal(f->since_ns, s.now.boottime_ns - cases[i].ago_s * SECOND);
		scene_end(&s);
	}
}

/* A murphy that looked from a group too small for it hurts nobody else. */
static void oom_kills_of_murphy_itself(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (int i = 0; i < 3; i++)
		add_kill(&s, SECOND, "/small");
	text_t ours = build_text(&s.now, TABLE_klog_oom, "murphy-reader");

	for (table_each(struct klog_oom, k, s.now.at[TABLE_klog_oom]))
		k->comm = ours;
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_non_null(strstr(f->cause, "murphy itself"));
	add_kill(&s, SECOND, "/small"); /* and another */
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	f = scene_only(&s);
	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_null(strstr(f->cause, "murphy itself"));
	scene_end(&s);
	/* The machine was out of memory, whoever it took. */
	scene_start(&s);
	add_kill(&s, SECOND, "");
	((struct klog_oom *)s.now.at[TABLE_klog_oom]->row)->comm =
		build_text(&s.now, TABLE_klog_oom, "murphy");
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_CRITICAL);
	scene_end(&s);
}

/* A container that is killed and started anew has another name each time. */
static void oom_kills_of_gone_groups_are_one_loop(void **state UNUSED)
{
	for (int there = 0; there < 2; there++) {
		struct scene s;

		start_late(&s);
		add_pod_kills(&s);
		add_kill(&s, 100 * SECOND, "/pods/two/ccc");
		for (int i = 0; i < 3; i++) {
			static const char *const paths[] = { "/pods/one/aaa", "/pods/one/bbb",
				"/pods/one/ccc" };

			add_group(&s, (uint64_t)i + 1, there ? paths[i] : "/other");
		}
		assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
		const struct finding *f = s.judgement.finding[0];

		assert_int_equal(s.judgement.n_findings, there ? 4 : 2);
		assert_int_equal(f->severity, there ? SEVERITY_WARNING : SEVERITY_CRITICAL);
		assert_int_equal(f->n_victims, there ? 1 : 3);
		assert_string_equal(f->culprits[0].name, there ? "/pods/one/aaa" : "/pods/one/ccc");
		scene_end(&s);
	}
}

/* Who was killed in a group that is still there is told with that group alone. */
static void victims_of_a_group_are_not_those_of_gone_ones(void **state UNUSED)
{
	struct scene s;

	start_late(&s);
	add_pod_kills(&s);
	add_group(&s, 1, "/pods/one/ccc");
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct finding *f = s.judgement.finding[i];
		bool there = strcmp(f->culprits[0].name, "/pods/one/ccc") == 0;

		assert_int_equal(f->n_victims, there ? 1 : 2);
		assert_int_equal(
			!!strstr(f->todo[1], "cat /sys/fs/cgroup/pods/one/ccc/memory.stat"), there);
	}
	scene_end(&s);
}

/* The log may not be read and the group is gone: only the machine's counter saw it. */
static void an_oom_kill_of_this_moment_is_told_beside_old_ones(void **state UNUSED)
{
	struct scene s;

	start_late(&s);
	add_kill(&s, 90000 * SECOND, "/job");
	struct vmstat *was = build_row(&s.was, TABLE_vmstat);
	struct vmstat *v = build_row(&s.now, TABLE_vmstat);

	was->oom_kills = v->oom_kills = 4; /* three of old are in nobody's memory */
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 1);
	v->oom_kills = 5;
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 2);
	assert_int_equal(s.judgement.finding[1]->severity, SEVERITY_WARNING);
	scene_end(&s);
}

static void oom_kills_that_the_log_lost_still_count(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_table(&s.now, TABLE_klog_oom);
	build_row(&s.was, TABLE_vmstat);
	struct vmstat *v = build_row(&s.now, TABLE_vmstat);

	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_FINE);
	v->oom_kills = 4;
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->culprits[0].kind, ENTITY_HOST);
	/* A group that exists counted them; version 2 counts them in its parent too. */
	for (int i = 0; i < 2; i++) {
		struct cgroup *was = build_row(&s.was, TABLE_cgroup);
		struct cgroup *c = build_row(&s.now, TABLE_cgroup);

		was->id = c->id = (uint64_t)i + 1;
		text_t path = build_text(&s.now, TABLE_cgroup, i ? "/a/b" : "/a");

		c->path = path;
		c->version = 2;
		c->oom_kills = 4;
	}
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_string_equal(f->culprits[0].name, "/a/b");
	assert_int_equal(f->severity, SEVERITY_WARNING); /* the counter rose just now */
	scene_end(&s);
	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_mem_oom), VERDICT_UNKNOWN);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(oom_kills_are_told_by_limit_and_age),
		cmocka_unit_test(oom_kills_of_murphy_itself),
		cmocka_unit_test(oom_kills_of_gone_groups_are_one_loop),
		cmocka_unit_test(victims_of_a_group_are_not_those_of_gone_ones),
		cmocka_unit_test(an_oom_kill_of_this_moment_is_told_beside_old_ones),
		cmocka_unit_test(oom_kills_that_the_log_lost_still_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
