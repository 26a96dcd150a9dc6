/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "model/process.h"
#include "tests/unit/build.h"

/* In both frames, with what the counters grew by in the two seconds between. */
static void add_process(struct scene *s, uint64_t pid, const char *comm, uint64_t cpu_ns)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);

	was->pid = now->pid = pid;
	was->start_ns = now->start_ns = 5 * SECOND;
	now->comm = build_text(&s->now, TABLE_process, comm);
	now->state = 'S';
	was->user_ns = 7 * SECOND;
	now->user_ns = 7 * SECOND + cpu_ns / 2;
	now->system_ns = cpu_ns / 2;
	now->major_faults = 10;
}

static void add_sched(struct scene *s, uint64_t pid, uint64_t wait_ns)
{
	struct process_sched *was = build_row(&s->was, TABLE_process_sched);
	struct process_sched *now = build_row(&s->now, TABLE_process_sched);

	was->pid = now->pid = pid;
	now->wait_ns = wait_ns;
}

static void rates_are_of_the_look(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 20, "b", 3 * SECOND);
	add_process(&s, 10, "a) (", SECOND);
	add_sched(&s, 10, SECOND / 2);
	add_sched(&s, 20, SECOND);
	scene_step(&s);
	const struct process_facts *p = process_find(s.model.process, 10);

	assert_non_null(p);
	assert_string_equal(p->comm, "a) (");
	assert_false(p->born);
	assert_true(p->cpu_ratio.value == 0.5);
	assert_true(p->wait_ratio.value == 0.25);
	assert_true(p->major_faults_per_s.value == 5);
	assert_int_equal(p->read_bytes_per_s.state, STATE_ABSENT);
	assert_true(s.model.process->waiting.value == 0.75);
	assert_true(process_find(s.model.process, 20)->cpu_ratio.value == 1.5);
	assert_null(process_find(s.model.process, 11));
	scene_end(&s);
}

static void a_pid_used_again_has_no_rate(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 10, "a", SECOND);
	add_sched(&s, 10, SECOND);
	((struct process *)table_at(s.was.at[TABLE_process], 0))->start_ns = 4 * SECOND;
	scene_step(&s);
	const struct process_facts *p = process_find(s.model.process, 10);

	assert_true(p->born);
	assert_false(reading_ok(p->cpu_ratio));
	assert_false(reading_ok(p->wait_ratio));
	assert_true(s.model.process->waiting.value == 0);
	scene_end(&s);
}

static void missing_tables_are_unknown(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	scene_step(&s);
	assert_int_equal(s.model.process->state, STATE_ABSENT);
	assert_int_equal(s.model.process->n, 0);
	add_process(&s, 10, "a", SECOND);
	table_fail(build_table(&s.now, TABLE_process_io), STATE_DENIED, "needs CAP_SYS_PTRACE");
	scene_step(&s);
	assert_int_equal(process_find(s.model.process, 10)->read_bytes_per_s.state, STATE_DENIED);
	assert_false(reading_ok(s.model.process->waiting));
	scene_end(&s);
}

static void entities_know_name_and_cgroup(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 10, "nginx", SECOND);
	struct process_cgroup *g = build_row(&s.now, TABLE_process_cgroup);

	g->pid = 10;
	g->path = build_text(&s.now, TABLE_process_cgroup, "/system.slice/nginx.service");
	scene_step(&s);
	struct entity e = entity_process(&s.judgement, &s.model, 10);

	assert_string_equal(e.name, "nginx");
	assert_string_equal(e.cgroup, "/system.slice/nginx.service");
	assert_string_equal(process_label(&s.judgement, &s.model, 10), "nginx (pid 10)");
	e = entity_process(&s.judgement, &s.model, 11);
	assert_string_equal(e.name, "");
	assert_null(e.cgroup);
	assert_string_equal(process_label(&s.judgement, &s.model, 11), "pid 11");
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_of_the_look),
		cmocka_unit_test(a_pid_used_again_has_no_rate),
		cmocka_unit_test(missing_tables_are_unknown),
		cmocka_unit_test(entities_know_name_and_cgroup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
