/* SPDX-License-Identifier: MIT */
/* mem.leak: who is named, how badly, and what is no leak. */
#include "base/hash.h"
#include "check/check.h"
#include "sample/series_kind.h"
#include "tests/unit/build.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

enum { POINTS = 60 };

extern const struct check check_mem_leak;

/* 16 GiB, of which 8 are there to be had. No swap. */
static void add_host(struct scene *s)
{
	struct meminfo *m = build_row(&s->now, TABLE_meminfo);

	m->total_bytes = 16 * GIB;
	m->available_bytes = 8 * GIB;
	s->now.boottime_ns = 5000 * SECOND;
	build_table(&s->now, TABLE_process);
	build_table(&s->now, TABLE_mem_series);
	build_table(&s->now, TABLE_mem_point);
}

/* A second from point to point: first, and more by each. */
static struct mem_series *add_series(
	struct scene *s, enum series_kind kind, const char *comm, uint64_t first, int64_t each)
{
	uint64_t id = build_table(&s->now, TABLE_mem_series)->n;

	for (uint64_t i = 0; i < POINTS; i++) {
		struct mem_point *p = build_row(&s->now, TABLE_mem_point);

		p->series = id;
		p->tick = i;
		p->value = (uint64_t)((int64_t)first + each * (int64_t)i);
	}
	struct mem_series *row = build_row(&s->now, TABLE_mem_series);

	row->id = id;
	row->kind = kind;
	row->comm = build_text(&s->now, TABLE_mem_series, comm);
	row->interval_ns = SECOND;
	row->points = POINTS;
	row->pid = row->start_ns = 0;
	row->peak_rise_bytes = 64 * GIB; /* it never had as much before */
	row->processes = 10;
	return row;
}

/* Runs since long before, unless start_ns says otherwise. */
static void add_process(
	struct scene *s, uint64_t pid, const char *comm, uint64_t first, int64_t each)
{
	struct process *p = build_row(&s->now, TABLE_process);
	struct mem_series *row = add_series(s, SERIES_PROCESS, comm, first, each);

	p->pid = row->pid = pid;
	p->comm = build_text(&s->now, TABLE_process, comm);
	p->state = 'S';
	p->kthread = 0;
	p->start_ns = row->start_ns = 5 * SECOND;
}

static bool names(const struct finding *f, uint64_t pid)
{
	for (size_t i = 0; i < f->n_culprits; i++) {
		if (f->culprits[i].kind == ENTITY_PROCESS && f->culprits[i].pid == pid)
			return true;
	}
	return false;
}

static void short_looks_are_young(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_row(&s.now, TABLE_meminfo);
	build_table(&s.now, TABLE_process);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_YOUNG);
	table_fail(build_table(&s.now, TABLE_mem_series), STATE_LATE, "dear");
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* 59 s were watched. */
static void severity_is_time_to_exhaustion(void **state UNUSED)
{
	static const struct {
		int64_t each;
		enum severity severity;
	} cases[] = {
		{ 20 * MIB, SEVERITY_CRITICAL }, /* 8 GiB in 7 minutes: a tenth was seen */
		{ 4 * MIB, SEVERITY_WARNING },   /* in 34 minutes */
		{ MIB, SEVERITY_INFO },          /* in 2.3 hours, of which a minute was seen */
		{ MIB / 32, SEVERITY_INFO },     /* in three days */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_host(&s);
		add_process(&s, 7, "leaky", 20 * MIB, cases[i].each);
		add_process(&s, 8, "steady", 900 * MIB, 0);
		const struct finding *f =
			scene_case(&s, &check_mem_leak, i, VERDICT_SAD, cases[i].severity);

		assert_true(names(f, 7) && !names(f, 8));
		assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
		scene_end(&s);
	}
}

/* The same pace, seen for ten minutes: it is worth more. */
static void longer_looks_see_further(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_process(&s, 7, "leaky", 20 * MIB, 10 * MIB); /* 8 GiB in 2.3 hours */
	((struct mem_series *)s.now.at[TABLE_mem_series]->row)->interval_ns = 10 * SECOND;
	((struct process *)s.now.at[TABLE_process]->row)->start_ns = 0;
	((struct mem_series *)s.now.at[TABLE_mem_series]->row)->start_ns = 0;
	s.now.boottime_ns = 5000 * SECOND;
	scene_sad(&s, &check_mem_leak, SEVERITY_WARNING);
	scene_end(&s);
}

static void limit_is_nearer_than_the_host(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_process(&s, 7, "leaky", 20 * MIB, MIB);
	struct cgroup *c = build_row(&s.now, TABLE_cgroup);
	struct cgroup_mem *cm = build_row(&s.now, TABLE_cgroup_mem);
	struct process_cgroup *pc = build_row(&s.now, TABLE_process_cgroup);

	c->id = cm->id = hash_fnv64("/app", 4);
	c->path = build_text(&s.now, TABLE_cgroup, "/app");
	c->memory_bytes = 900 * MIB;
	c->memory_max_bytes = GIB;
	cm->inactive_file_bytes = 400 * MIB; /* can be dropped: half is left, 8 minutes */
	pc->pid = 7;
	pc->path = build_text(&s.now, TABLE_process_cgroup, "/app/worker");
	const struct finding *f = scene_sad(&s, &check_mem_leak, SEVERITY_CRITICAL);

	assert_non_null(strstr(f->title, "/app"));
	/* Its own group may have much more. */
	c = build_row(&s.now, TABLE_cgroup);
	c->id = hash_fnv64("/app/worker", 11);
	c->path = build_text(&s.now, TABLE_cgroup, "/app/worker");
	c->memory_bytes = 20 * MIB;
	c->memory_max_bytes = 4 * GIB;
	cm = build_row(&s.now, TABLE_cgroup_mem);
	cm->id = c->id;
	f = scene_sad(&s, &check_mem_leak, SEVERITY_CRITICAL);
	assert_non_null(strstr(f->title, "the limit of /app is"));
	scene_end(&s);
}

static void what_is_gone_or_small_is_not_told(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_process(&s, 7, "small", MIB, 8192); /* half a MiB in all */
	add_series(&s, SERIES_PROCESS, "gone", 20 * MIB, MIB)->pid = 9;
	add_process(&s, 11, "another", 20 * MIB, MIB); /* has the pid now */
	((struct process *)table_at(s.now.at[TABLE_process], 1))->start_ns += SECOND;
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_FINE);
	scene_end(&s);
}

/* A saw-tooth longer than the look: it was that large before, and its peak stays what it was. */
static void what_it_had_before_is_no_leak(void **state UNUSED)
{
	for (int leaks = 0; leaks < 2; leaks++) {
		struct scene s;

		scene_start(&s);
		add_host(&s);
		add_process(&s, 7, "collected", 20 * MIB, MIB);
		struct mem_series *row = s.now.at[TABLE_mem_series]->row;

		row_put(schemas[TABLE_mem_series], row, MEM_SERIES_peak_rise_bytes,
			leaks ? 50 * MIB : MIB);
		assert_int_equal(
			scene_judge(&s, &check_mem_leak), leaks ? VERDICT_SAD : VERDICT_FINE);
		scene_end(&s);
	}
}

/* Nothing is said of what starts, unless there is hardly any room for it. */
static void young_ones_may_fill_up(void **state UNUSED)
{
	static const int64_t each[] = { MIB, 4 * MIB, 20 * MIB };

	for (size_t i = 0; i < ARRAY_SIZE(each); i++) {
		bool hurts = each[i] == 20 * MIB;
		struct scene s;

		scene_start(&s);
		add_host(&s);
		add_process(&s, 7, "young", 20 * MIB, each[i]);
		((struct process *)s.now.at[TABLE_process]->row)->start_ns = 4000 * SECOND;
		((struct mem_series *)s.now.at[TABLE_mem_series]->row)->start_ns = 4000 * SECOND;
		if (hurts) {
			const struct finding *f = scene_sad(&s, &check_mem_leak, SEVERITY_WARNING);

			assert_int_equal(f->confidence, CONFIDENCE_POSSIBLE);
			assert_non_null(strstr(f->cause, "started lately"));
		} else {
			assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_FINE);
		}
		scene_end(&s);
	}
}

/* One of 600 makes the mean of all grow: it is told, they are not. */
static void one_of_many_is_named(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_process(&s, 7, "worker", 20 * MIB, 60 * (int64_t)MIB);
	add_series(&s, SERIES_GROUP, "worker", 4 * MIB, MIB / 10)->processes = 600;
	add_series(&s, SERIES_COUNT, "worker", 600, 0);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_SAD);
	assert_true(names(scene_only(&s), 7));
	scene_end(&s);
}

static void all_of_a_name_are_told_together(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	for (uint64_t pid = 10; pid < 20; pid++)
		add_process(&s, pid, "worker", 20 * MIB, MIB / 4);
	add_series(&s, SERIES_GROUP, "worker", 20 * MIB, MIB / 4);
	add_series(&s, SERIES_COUNT, "worker", 10, 0);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_SAD);
	assert_true(names(scene_only(&s), 10));
	assert_non_null(strstr(scene_only(&s)->title, "10 processes worker"));
	scene_end(&s);
}

/* Each lives for a few seconds, and those that were started last have more work to do. */
static void a_mean_of_short_lives_is_none(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_series(&s, SERIES_GROUP, "cc1", 20 * MIB, MIB / 4);
	add_series(&s, SERIES_COUNT, "cc1", 10, 0);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_FINE);
	scene_end(&s);
}

/* Small ones go: what is left is larger on average, and less in all. */
static void a_mean_that_grows_by_loss_is_none(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_series(&s, SERIES_GROUP, "pool", 20 * MIB, MIB / 10);
	add_series(&s, SERIES_COUNT, "pool", 200, -2);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_FINE);
	scene_end(&s);
}

static void numbers_and_shared_memory_are_told_as_such(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_series(&s, SERIES_GROUP, "job", 20 * MIB, 0);
	add_series(&s, SERIES_COUNT, "job", 100, 2);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_SAD);
	assert_non_null(strstr(scene_only(&s)->title, "more and more processes job"));
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO); /* a pool that starts */
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_POSSIBLE);
	struct mem_series *count = table_at(s.now.at[TABLE_mem_series], 1);

	count->interval_ns = 11 * SECOND;
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_LIKELY);
	scene_end(&s);
	scene_start(&s);
	add_host(&s);
	add_series(&s, SERIES_SHARED, "", GIB, 4 * MIB);
	assert_int_equal(scene_judge(&s, &check_mem_leak), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->culprits[0].kind, ENTITY_HOST);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_looks_are_young),
		cmocka_unit_test(severity_is_time_to_exhaustion),
		cmocka_unit_test(longer_looks_see_further),
		cmocka_unit_test(limit_is_nearer_than_the_host),
		cmocka_unit_test(what_is_gone_or_small_is_not_told),
		cmocka_unit_test(what_it_had_before_is_no_leak),
		cmocka_unit_test(young_ones_may_fill_up),
		cmocka_unit_test(one_of_many_is_named),
		cmocka_unit_test(all_of_a_name_are_told_together),
		cmocka_unit_test(a_mean_of_short_lives_is_none),
		cmocka_unit_test(a_mean_that_grows_by_loss_is_none),
		cmocka_unit_test(numbers_and_shared_memory_are_told_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
