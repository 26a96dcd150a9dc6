/* SPDX-License-Identifier: MIT */
/* Threads: which are read and how, with real ones of this test. */
#include "source/threads.h"
#include "tests/unit/unit.h"

#include "tests/unit/run_source.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { THREADS = 3 };

static const enum table_id ids[] = { TABLE_thread, TABLE_none };
static int wake[2];

/* Of each sleeper, once it has its name; 0: not yet. */
static pid_t tid[THREADS];

static void *sleeper(void *arg)
{
	char c;

	pthread_setname_np(pthread_self(), ") S 1 (");
	__atomic_store_n((pid_t *)arg, gettid(), __ATOMIC_RELEASE);
	return read(wake[0], &c, 1) < 0 ? NULL : wake;
}

static bool sleeps(pid_t thread)
{
	char path[64], buf[512] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	size_t n = fread(buf, 1, sizeof(buf) - 1, f);
	const char *end = n > 0 ? strrchr(buf, ')') : NULL;

	fclose(f);
	return end && strncmp(end, ") S", 3) == 0;
}

/* Until all of them sleep, however crowded the CPUs are. */
static void start(pthread_t *t)
{
	assert_int_equal(pipe(wake), 0);
	for (int i = 0; i < THREADS; i++) {
		tid[i] = 0;
		assert_int_equal(pthread_create(&t[i], NULL, sleeper, &tid[i]), 0);
		for (int k = 0; k < 1000 && !sleeps(__atomic_load_n(&tid[i], __ATOMIC_ACQUIRE));
			k++)
			usleep(10000);
	}
}

static void stop(const pthread_t *t)
{
	close(wake[1]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	close(wake[0]);
}

/* A process table as if this process had n threads more. */
static struct table *processes(uint64_t n, char state)
{
	struct table *t = table_new(schemas[TABLE_process]);
	struct process *row = table_add(t);

	assert_non_null(row);
	row_put(t->schema, row, PROCESS_pid, (uint64_t)getpid());
	row_put(t->schema, row, PROCESS_threads, n + 1);
	row_put(t->schema, row, PROCESS_state, (uint64_t)state);
	t->state = STATE_OK;
	return t;
}

static struct table *one_row(enum table_id id, unsigned int column, double value)
{
	struct table *t = table_new(schemas[id]);
	void *row = table_add(t);

	assert_non_null(row);
	if (id == TABLE_loadavg)
		((struct loadavg *)row)->load_1m = value;
	else
		row_put(t->schema, row, column, (uint64_t)value);
	t->state = STATE_OK;
	return t;
}

static struct table *cpus(int64_t n)
{
	struct table *t = table_new(schemas[TABLE_cpu]);

	for (int64_t id = -1; id < n; id++) {
		struct cpu *row = table_add(t);

		assert_non_null(row);
		row->id = id;
	}
	t->state = STATE_OK;
	return t;
}

struct calm {
	uint64_t threads, running, blocked;
	double load;
	char state; /* of the main thread */
};

static struct threads_plan plan_of(const struct calm *c)
{
	struct table *out[TABLES] = { 0 };
	struct frame none = { 0 };
	struct probe p = { .frame = &none, .out = out };

	out[TABLE_process] = processes(c->threads, c->state);
	out[TABLE_loadavg] = one_row(TABLE_loadavg, LOADAVG_load_1m, c->load);
	out[TABLE_kernel_stat] =
		one_row(TABLE_kernel_stat, KERNEL_STAT_running, (double)c->running);
	((struct kernel_stat *)out[TABLE_kernel_stat]->row)->blocked = c->blocked;
	out[TABLE_cpu] = cpus(4);
	struct threads_plan plan = threads_plan(&p);

	drop_tables(out);
	return plan;
}

static void many_are_read_on_suspicion(void **state UNUSED)
{
	static const struct {
		struct calm calm;
		enum threads_way way;
	} cases[] = {
		{ { 500, 1, 0, 0, 'S' }, THREADS_ALL }, { { 501, 1, 0, 0.2, 'S' }, THREADS_NONE },
		{ { 501, 1, 1, 0.2, 'S' }, THREADS_MANY },
		{ { 501, 1, 1, 1, 'D' }, THREADS_NONE }, /* the main thread is what is blocked */
		{ { 501, 1, 2, 1, 'D' }, THREADS_MANY },
		{ { 501, 1, 0, 0.5, 'S' }, THREADS_MANY }, /* the load knows of one more */
		{ { 501, 4, 0, 0.2, 'S' }, THREADS_NONE },
		{ { 501, 5, 0, 0.2, 'S' },
			THREADS_MANY }, /* more want to run than there are CPUs */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(plan_of(&cases[i].calm).way, cases[i].way);
	assert_false(plan_of(&(struct calm){ 2499, 7, 0, 0, 'S' }).worth_bpf);
	assert_true(plan_of(&(struct calm){ 2500, 7, 0, 0, 'S' }).worth_bpf);
	assert_false(plan_of(&(struct calm){ 10, 7, 0, 0, 'S' }).times);
	assert_true(plan_of(&(struct calm){ 10, 8, 0, 0, 'S' }).times);
}

/* What is unknown may be so; and who was read in the first frame is read in the second. */
static void a_rate_needs_both_frames(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct frame none = { 0 }, was = { 0 };
	struct probe p = { .frame = &none, .out = out };

	out[TABLE_process] = processes(900, 'S');
	assert_int_equal(threads_plan(&p).way, THREADS_MANY);
	out[TABLE_loadavg] = one_row(TABLE_loadavg, LOADAVG_load_1m, 0);
	out[TABLE_kernel_stat] = one_row(TABLE_kernel_stat, KERNEL_STAT_running, 1);
	out[TABLE_cpu] = cpus(4);
	assert_int_equal(threads_plan(&p).way, THREADS_NONE);
	was.at[TABLE_thread] = one_row(TABLE_thread, THREAD_tid, 7);
	p.was = &was;
	assert_int_equal(threads_plan(&p).way, THREADS_MANY);
	frame_release(&was);
	drop_tables(out);
}

static void assert_sleepers(const struct table *t)
{
	size_t n = 0;

	for (table_each(const struct thread, x, t)) {
		if (x->pid != (uint64_t)getpid())
			continue;
		n++;
		assert_int_not_equal(x->tid, x->pid);
		assert_int_equal(x->state, 'S');
		assert_string_equal(table_text(t, x->comm), ") S 1 (");
		assert_true(x->start_ns > 0 && x->start_ns % 10000000 == 0);
		assert_true(row_has(x->has, THREAD_slices) && x->slices > 0);
	}
	assert_int_equal(n, THREADS);
}

/* Both ways tell the same. */
static void walked_and_iterated(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	pthread_t t[THREADS];
	struct host *h;

	start(t);
	assert_int_equal(host_open_live(&h), 0);
	out[TABLE_process] = processes(THREADS, 'S'); /* no kernel_stat: CPUs may be crowded */
	run_source(h, "thread", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_thread]->state, STATE_OK);
	assert_sleepers(out[TABLE_thread]);
	drop_tables(out);
	memset(out, 0, sizeof(out));
	out[TABLE_process] = processes(5000, 'S');
	run_source(h, "thread", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_thread]->state, STATE_ABSENT);
	run_source(h, "thread_some", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_thread]->state, STATE_OK);
	assert_sleepers(out[TABLE_thread]);
	drop_tables(out);
	memset(out, 0, sizeof(out));
	out[TABLE_process] = processes(5000, 'S');
	run_source(h, "thread_bpf", out, ids, NULL, 0);
	/* Denied, no BTF or no libbpf: the walk is what there is. */
	if (table_usable(out[TABLE_thread]))
		assert_sleepers(out[TABLE_thread]);
	else
		assert_int_not_equal(out[TABLE_thread]->state, STATE_OK);
	stop(t);
	drop_tables(out);
	host_free(h);
}

/* A budget that ends after two threads says so and keeps them. */
static void too_many(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct frame none = { 0 };
	struct probe p = { .frame = &none, .out = out };
	struct threads_plan plan = { .n = THREADS };
	pthread_t t[THREADS];

	start(t);
	assert_int_equal(host_open_live(&p.host), 0);
	out[TABLE_process] = processes(THREADS, 'S');
	out[TABLE_thread] = table_new(schemas[TABLE_thread]);
	assert_int_equal(threads_walk(&p, out[TABLE_thread], &plan, 2), 0);
	assert_int_equal(out[TABLE_thread]->state, STATE_LATE);
	assert_int_equal(out[TABLE_thread]->n, 2);
	assert_int_equal(out[TABLE_thread]->lost, 1);
	/* Nobody asked for times, and nobody is in D. */
	assert_false(row_has(((struct thread *)out[TABLE_thread]->row)->has, THREAD_slices));
	stop(t);
	drop_tables(out);
	host_free(p.host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_read_on_suspicion),
		cmocka_unit_test(a_rate_needs_both_frames),
		cmocka_unit_test(walked_and_iterated),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
