/* SPDX-License-Identifier: MIT */
#include "engine/expr.h"
#include "base/glob.h"
#include "tests/unit/build.h"

#include <errno.h>
#include <stdio.h>

static struct scene scene;
static struct arena arena;
static struct expr_answer answer;
static char wrong[256];

static int compile(const char *text, const struct expr **ret_expr)
{
	struct expr_error error = { 0 };
	int err = expr_compile(
		&arena, text, strlen(text), EXPR_TRUTH, TABLE_none, NULL, ret_expr, &error);

	snprintf(wrong, sizeof(wrong), "%zu: %s", error.at, error.text);
	return err;
}

/* 't', 'f', or what it lacks: 'T'able, 'R'ow, 'C'ell, reading 's', ro'w's, '/', '!' steps. */
static char ask_steps(const char *text, uint64_t steps)
{
	const struct expr *e = NULL;

	if (compile(text, &e) < 0) {
		print_message("%s\n  %s\n", text, wrong);
		return '?';
	}
	assert_int_equal(expr_eval(e, &arena, &scene.now, &scene.was, NULL, steps, &answer), 0);
	if (answer.value.state == STATE_OK)
		return answer.value.truth ? 't' : 'f';
	return "?TRCsw/!"[answer.value.lack];
}

static char ask(const char *text)
{
	return ask_steps(text, 1000000);
}

static void refused(const char *text, const char *because)
{
	const struct expr *e = NULL;

	assert_int_equal(compile(text, &e), -EINVAL);
	if (!strstr(wrong, because))
		fail_msg("%s\n  is refused with\n  %s\n  without\n  %s", text, wrong, because);
}

static struct process *add_process(uint64_t pid, const char *comm, char state, uint64_t resident)
{
	struct process *p = build_row(&scene.now, TABLE_process);

	p->pid = pid;
	p->comm = build_text(&scene.now, TABLE_process, comm);
	p->state = (uint32_t)state;
	p->resident_bytes = resident;
	return p;
}

static void add_files(uint64_t pid, uint64_t open, uint64_t limit)
{
	struct process_fd *fd = build_row(&scene.now, TABLE_process_fd);

	fd->pid = pid;
	fd->open = open;
	if (limit == 0)
		return;
	struct process_limits *l = build_row(&scene.now, TABLE_process_limits);

	l->pid = pid;
	l->fd_soft = limit;
}

static void add_disk(uint64_t dev, const char *name, uint64_t in_flight, uint64_t grown)
{
	struct disk *was = build_row(&scene.was, TABLE_disk),
		    *now = build_row(&scene.now, TABLE_disk);

	was->dev = now->dev = dev;
	now->name = build_text(&scene.now, TABLE_disk, name);
	now->in_flight = in_flight;
	now->read_bytes = grown;
	now->busy_ns = SECOND;
}

static int start(void **state UNUSED)
{
	scene_start(&scene);
	struct meminfo *m = build_row(&scene.now, TABLE_meminfo);

	m->total_bytes = 1000;
	m->available_bytes = 40;
	build_unset(m, MEMINFO_percpu_bytes);
	add_process(1, "init", 'S', 10);
	add_process(20, "api", 'D', 600);
	add_process(21, "api", 'D', 100);
	add_files(1, 10, 0);
	add_files(20, 970, 1024);
	add_files(21, 100, 1024);
	add_disk(8, "sda", 3, 2000000);
	add_disk(9, "loop0", 100, 0);
	scene_step(&scene);
	return 0;
}

static int end(void **state UNUSED)
{
	scene_end(&scene);
	arena_release(&arena);
	return 0;
}

static void arithmetic_and_units(void **state UNUSED)
{
	assert_int_equal(ask("meminfo.available_bytes / meminfo.total_bytes < 5 %"), 't');
	assert_int_equal(ask("meminfo.available_bytes / meminfo.total_bytes < 4 %"), 'f');
	assert_int_equal(ask("meminfo.available_bytes <= 4 % * meminfo.total_bytes"), 't');
	assert_int_equal(ask("1 + 2 * 3 = 7 and (1 + 2) * 3 = 9 and -2 - -3 == 1"), 't');
	assert_int_equal(ask("10 / 4 = 2.5 and 7 - 2 - 1 = 4"), 't');
	assert_int_equal(ask("1 KiB = 1024 B and 1 MB = 1000 kB and 2 min = 120 s"), 't');
	assert_int_equal(ask("1 h = 3600 s and 1 d = 24 h and 1500 us = 1.5 ms"), 't');
	assert_int_equal(ask("1 MiB/s = 1 MiB / 1 s and 60/min = 1/s"), 't');
	assert_int_equal(ask("1 GHz = 1000 MHz and 2 / 1 s = 2/s"), 't');
	assert_int_equal(ask("meminfo.available_bytes > 0"), 't');
	assert_int_equal(ask("1 < 2 or 1 > 2 and 1 > 2"), 't');
	assert_int_equal(ask("not 1 > 2 and not (1 < 2 and 2 != 2)"), 't');
	assert_int_equal(ask("1 / 0 > 1"), '/');
}

static void units_that_do_not_go_together_are_refused(void **state UNUSED)
{
	refused("meminfo.available_bytes > 5 s", "0: cannot compare bytes (meminfo.available_bytes)"
						 " with time (5 s)");
	refused("meminfo.available_bytes > 5", "with a plain number (5)");
	refused("max(rate(disk.read_bytes)) > 5 MiB", "bytes per second");
	refused("rate(vmstat.swap_in_pages) > 5", "a number per second");
	refused("meminfo.available_bytes + 1 s > 0", "cannot add bytes");
	refused("any(process.pid + 1 > 0)", "names a row");
	refused("any(process.comm > 5)", "is a text, and a number");
	refused("any(process.comm < \"a\")", "texts have no order");
	refused("any(process.state < \"D\")", "compare it with = or !=");
	refused("any(process.state = \"dead\")", "one of R, S, D");
	refused("any(process.pid ~ \"1*\")", "a text is needed");
	refused("rate(meminfo.free_bytes) > 0", "no counter");
	refused("not 5", "a condition is needed");
	refused("5 and 6", "a condition is needed");
	refused("meminfo.available_bytes", "expected a condition");
	refused("any(cgroup.id = 5)", "is a hash");
}

static void names_are_found_or_refused(void **state UNUSED)
{
	refused("mem.free > 1", "no table is called \"mem\"");
	refused("meminfo.fre > 1", "8: meminfo has no column \"fre\"");
	refused("disk.in_flight > 1", "disk has many rows: say which, as in any(disk.in_flight");
	refused("any(disk.in_flight > process.threads)", "disk and process have no key in common");
	refused("free_bytes > 1", "is no column: write TABLE.COLUMN");
	refused("count(nothing) > 1", "no table is called \"nothing\"");
	refused("count(disk.in_flight) > 1", "count() takes a table and a filter");
	refused("max(disk) > 1", "only count() and any() take a whole table");
	refused("any(meminfo.free_bytes > 1 B)", "no table with rows");
	refused("median(disk.in_flight) > 1", "no function is called median");
	refused("any(all(disk.in_flight > 1))", "no table with rows");
}

static void grammar_errors_say_what_was_expected(void **state UNUSED)
{
	refused("", "0: expected a name, a number, a text or \"(\", not the end");
	refused("1 <", "not the end");
	refused("1 < 2 3", "6: expected an operator or the end, not \"3\"");
	refused("(1 < 2", "expected \")\" or an operator, not the end");
	refused("1 < 2 < 3", "two comparisons in a row");
	refused("any(process.comm = \"x)", "no closing \"");
	refused("max(disk.in_flight) where name = \"sda\" > 1", "goes into the brackets");
	refused("rate(disk.reads + 1) > 0", "rate() takes the name of a counter");
	refused("meminfo. > 1", "expected a column of meminfo");
	refused("1e9 > 2", "write the number in full");
	refused("99999999999999999999999 > 2", "too large");
	refused("1 < 2 and or 3", "not \"or\"");
	refused("1 < \x01", "not \"\x01\"");
}

static void what_is_too_much_is_refused(void **state UNUSED)
{
	char deep[200] = "", wide[5000] = "1";

	memset(deep, '(', 60);
	refused(deep, "more than 32 brackets");
	for (size_t i = 0; i < 120; i++)
		deep[i] = i % 2 ? ' ' : '-';
	refused(deep, "more than 32");
	for (size_t i = 0; i < 45; i++)
		memcpy(deep + i * 4, "not ", 4);
	refused(deep, "more than 32");
	for (size_t i = 1; i + 3 < 1200; i += 2)
		memcpy(wide + i, "+1", 2);
	refused(wide, "longer than 256 operands");
	memset(wide, 'a', 4990);
	refused(wide, "longer than 4096 bytes");
}

static void aggregates(void **state UNUSED)
{
	assert_int_equal(ask("count(process where state = \"D\") = 2"), 't');
	assert_int_equal(ask("count(process) = 3 and count(process where pid > 1000) = 0"), 't');
	assert_int_equal(ask("any(process where comm ~ \"a*i\")"), 't');
	assert_int_equal(ask("any(process where comm ~ \"A*\")"), 'f');
	assert_int_equal(ask("sum(process.resident_bytes) = 710 B"), 't');
	assert_int_equal(ask("avg(process.resident_bytes where comm = \"api\") = 350 B"), 't');
	assert_int_equal(ask("max(process.resident_bytes) = 600 B"), 't');
	assert_int_equal(ask("min(process.resident_bytes) = 10 B"), 't');
	assert_int_equal(ask("max(process.resident_bytes where pid > 1000) > 1 B"), 'w');
	assert_int_equal(ask("sum(process.resident_bytes where pid > 1000) = 0"), 't');
	assert_int_equal(ask("all(process.resident_bytes > 0)"), 't');
	assert_int_equal(ask("all(process.resident_bytes > 50 B)"), 'f');
	assert_int_equal(ask("all(process.resident_bytes > 50 B where pid > 1000)"), 't');
	assert_int_equal(ask("any(process.resident_bytes > 2 * avg(process.resident_bytes))"), 't');
	assert_int_equal(answer.rows[0].n + answer.rows[1].n, 1 + 3);
}

static void rows_of_two_tables_are_joined(void **state UNUSED)
{
	struct expr_blame blame[4];
	uint64_t all;

	assert_int_equal(ask("any(process_fd.open / process_limits.fd_soft > 90 %)"), 't');
	assert_int_equal(answer.rows[0].took, 2);
	assert_int_equal(answer.rows[0].skipped, 1);
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 1);
	assert_int_equal(blame[0].id, TABLE_process_fd);
	assert_int_equal(((const struct process_fd *)blame[0].row)->pid, 20);
	assert_int_equal(
		ask("any(process_fd.open > 90 where comm = \"api\" and state = 'D')"), 't');
	assert_int_equal(answer.rows[0].n, 2);
	/* The worst first. */
	assert_int_equal(((const struct process_fd *)answer.rows[0].row[0])->pid, 20);
	assert_int_equal(ask("any(process_fd.open > 9000)"), 'f');
	assert_int_equal(((const struct process_fd *)answer.rows[0].near)->pid, 20);
	assert_int_equal(ask("any(process_fd.open > 9 where has(process_limits.fd_soft))"), 't');
	assert_int_equal(answer.rows[0].took, 2);
	assert_int_equal(answer.rows[0].skipped, 0);
}

static void rates_need_two_readings(void **state UNUSED)
{
	assert_int_equal(ask("any(rate(disk.read_bytes) = 1 MB/s where name = \"sda\")"), 't');
	assert_int_equal(ask("max(rate(disk.busy_ns)) = 50 %"), 't');
	table_fail(scene.was.at[TABLE_disk], STATE_ABSENT, "%s", "");
	assert_int_equal(ask("any(rate(disk.read_bytes) > 1 MB/s)"), 's');
	assert_non_null(strstr(expr_why(&answer, &answer.value, &arena), "two readings"));
}

static void what_is_unknown_stays_unknown(void **state UNUSED)
{
	assert_int_equal(ask("meminfo.percpu_bytes > 0"), 'C');
	assert_int_equal(ask("meminfo.percpu_bytes > 0 and 1 > 2"), 'f');
	assert_int_equal(ask("1 > 2 and meminfo.percpu_bytes > 0"), 'f');
	assert_int_equal(ask("meminfo.percpu_bytes > 0 or 1 < 2"), 't');
	assert_int_equal(ask("meminfo.percpu_bytes > 0 or 1 > 2"), 'C');
	assert_int_equal(ask("not meminfo.percpu_bytes > 0"), 'C');
	assert_int_equal(ask("has(meminfo.percpu_bytes) or not has(meminfo.total_bytes)"), 'f');
	assert_int_equal(ask("loadavg.load_1m > 1"), 'T');
	assert_int_equal(ask("any(slab.objects > 1) or 1 < 2"), 't');
	assert_int_equal(ask("count(slab) > 1 and 1 < 2"), 'T');
	table_fail(build_table(&scene.now, TABLE_slab), STATE_DENIED, "needs root");
	assert_int_equal(ask("count(slab) > 1 or loadavg.load_1m > 1"), 'T');
	assert_int_equal(answer.value.state, STATE_DENIED);
	assert_string_equal(expr_why(&answer, &answer.value, &arena), "slab: needs root");
}

/* Rows that came before the deadline count, the silence of the others does not. */
static void half_a_table_proves_only_what_it_shows(void **state UNUSED)
{
	scene.now.at[TABLE_process]->state = STATE_LATE;
	assert_int_equal(ask("any(process.resident_bytes > 500 B)"), 't');
	assert_int_equal(ask("any(process.resident_bytes > 5000 B)"), 'T');
	assert_int_equal(answer.value.state, STATE_LATE);
	assert_int_equal(ask("all(process.resident_bytes > 50 B)"), 'f');
	assert_int_equal(ask("count(process) = 3"), 'T');
	scene.now.at[TABLE_process]->state = STATE_OK;
	scene.now.at[TABLE_process]->lost = 4;
	assert_int_equal(ask("any(process.resident_bytes > 5000 B)"), 'T');
	assert_int_equal(answer.value.state, STATE_DENIED);
	scene.now.at[TABLE_process]->lost = 1;
	assert_int_equal(ask("any(process.resident_bytes > 5000 B)"), 'f');
}

static void the_row_that_stands_for_the_machine(void **state UNUSED)
{
	for (int64_t id = -1; id < 2; id++) {
		struct cpu *was = build_row(&scene.was, TABLE_cpu);
		struct cpu *now = build_row(&scene.now, TABLE_cpu);

		was->id = now->id = id;
		now->user_ns = id < 0 ? 2 * SECOND : SECOND;
	}
	struct snmp *own = build_row(&scene.now, TABLE_snmp);

	own->tcp_established = 7;
	scene_step(&scene);
	assert_int_equal(ask("rate(cpu.user_ns) = 100 %"), 't');
	assert_int_equal(ask("sum(rate(cpu.user_ns)) = 100 % and count(cpu) = 2"), 't');
	assert_int_equal(ask("snmp.tcp_established = 7"), 't');
	assert_int_equal(ask("any(disk.in_flight > snmp.tcp_established)"), 't');
}

static void who_is_to_blame(void **state UNUSED)
{
	struct expr_blame blame[4];
	uint64_t all;

	assert_int_equal(ask("count(process where state = \"D\") > 1"), 't');
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 2);
	assert_int_equal(ask("max(disk.in_flight) > 50"), 't');
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 1);
	assert_int_equal(((const struct disk *)blame[0].row)->dev, 9);
	/* Too few: those that are there are not to blame. */
	assert_int_equal(ask("count(process where comm = \"api\") < 4"), 't');
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 0);
	assert_int_equal(ask("any(disk.in_flight > 1000) or any(process where state = 'D')"), 't');
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 2);
	assert_int_equal(blame[0].id, TABLE_process);
	assert_int_equal(ask("not any(process where state = 'D')"), 'f');
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 2);
	assert_int_equal(ask("not all(disk.in_flight < 50)"), 't');
	assert_int_equal(expr_blames(&answer, blame, 4, &all), 1);
}

static void cases_are_of_the_only_any(void **state UNUSED)
{
	const struct expr *e = NULL;

	assert_int_equal(compile("1 < 2 and any(disk.in_flight > 1)", &e), 0);
	assert_int_equal(expr_each(e), TABLE_disk);
	assert_int_equal(compile("any(disk.in_flight > 1) and any(process.threads > 1)", &e), 0);
	assert_int_equal(expr_each(e), TABLE_none);
	assert_int_equal(compile("any(disk.in_flight > 1) or 1 < 2", &e), 0);
	assert_int_equal(expr_each(e), TABLE_none);
}

static void facts_have_values_and_limits(void **state UNUSED)
{
	struct expr_fact fact[8];
	struct expr_blame blame[1];
	uint64_t all;

	assert_int_equal(ask("any(process_fd.open / process_limits.fd_soft > 90 %)"), 't');
	assert_int_equal(expr_blames(&answer, blame, 1, &all), 1);
	assert_int_equal(expr_facts(&answer, blame, &arena, fact, 8), 3);
	assert_string_equal(fact[0].metric, "process_fd.open / process_limits.fd_soft");
	assert_int_equal(fact[0].unit, UNIT_RATIO);
	assert_true(fact[0].threshold.value > 0.89 && fact[0].threshold.value < 0.91);
	assert_string_equal(fact[1].metric, "process_fd.open");
	assert_true(fact[1].value.value == 970);
	assert_false(reading_ok(fact[1].threshold));
	assert_int_equal(ask("max(rate(disk.busy_ns)) < 2 and sysctl.fs_file_open > 5"), 'T');
	assert_int_equal(expr_facts(&answer, NULL, &arena, fact, 8), 2);
	assert_true(fact[0].value.value == 0.5);
	assert_int_equal(fact[1].value.state, STATE_ABSENT);
}

/* The side of its limit on which a number makes the expression true. */
static void facts_say_on_which_side_is_bad(void **state UNUSED)
{
	static const struct {
		const char *text;
		enum alarm alarm;
	} rows[] = { { "sysctl.fs_file_open > 5", ALARM_ABOVE },
		{ "loadavg.load_1m >= 5", ALARM_FROM }, { "5 > sysctl.fs_file_open", ALARM_BELOW },
		{ "5 >= loadavg.load_1m", ALARM_TO }, { "not sysctl.fs_file_open < 5", ALARM_FROM },
		{ "not (not sysctl.fs_file_open <= 5)", ALARM_TO },
		{ "sysctl.fs_file_open == 5", ALARM_NONE } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct expr_fact fact[2];

		assert_true(strchr("tfTF", ask(rows[i].text)));
		assert_int_equal(expr_facts(&answer, NULL, &arena, fact, 2), 1);
		assert_int_equal(fact[0].alarm, rows[i].alarm);
	}
}

static void needs_come_from_the_names(void **state UNUSED)
{
	struct need needs[NEEDS_MAX] = { 0 };
	const struct expr *e = NULL;

	assert_int_equal(compile("any(rate(disk.reads) > 1/s where in_flight > 1) and "
				 "meminfo.free_bytes < 1 GiB",
				 &e),
		0);
	assert_int_equal(expr_needs(e, needs, 0), 2);
	assert_int_equal(needs[0].table, TABLE_disk);
	assert_true(needs[0].rate && needs[0].optional);
	assert_int_equal(needs[1].table, TABLE_meminfo);
	assert_false(needs[1].rate);
}

static void steps_are_bounded(void **state UNUSED)
{
	for (uint64_t i = 0; i < 5000; i++)
		add_process(1000 + i, "worker", 'S', i);
	assert_int_equal(ask_steps("count(process where comm = \"nobody\") = 0", 1000), '!');
	assert_int_equal(answer.value.state, STATE_LATE);
	assert_int_equal(ask_steps("count(process where comm = \"nobody\") = 0", 100000), 't');
}

static void globs(void **state UNUSED)
{
	assert_true(glob_match("", "") && glob_match("*", "") && glob_match("***", "x"));
	assert_true(
		glob_match("sd?", "sda") && !glob_match("sd?", "sd") && !glob_match("sd", "sda"));
	assert_true(glob_match("*.service", "nginx.service") &&
		    !glob_match("*.service", "nginx.slice"));
	assert_true(glob_match("a*b*c", "axxbxbxc") && !glob_match("a*b*c", "axxbxbx"));
	assert_false(glob_match("a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(arithmetic_and_units),
		TEST(units_that_do_not_go_together_are_refused),
		TEST(names_are_found_or_refused),
		TEST(grammar_errors_say_what_was_expected),
		TEST(what_is_too_much_is_refused),
		TEST(aggregates),
		TEST(rows_of_two_tables_are_joined),
		TEST(rates_need_two_readings),
		TEST(what_is_unknown_stays_unknown),
		TEST(half_a_table_proves_only_what_it_shows),
		TEST(the_row_that_stands_for_the_machine),
		TEST(who_is_to_blame),
		TEST(cases_are_of_the_only_any),
		TEST(facts_have_values_and_limits),
		TEST(facts_say_on_which_side_is_bad),
		TEST(needs_come_from_the_names),
		TEST(steps_are_bounded),
		TEST(globs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
