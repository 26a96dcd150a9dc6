/* SPDX-License-Identifier: MIT */
/* "252-" corpora are what systemctl of systemd 252 printed on a real one. */
#include "check/check.h"
#include "source/source.h"
#include "tests/unit/build.h"
#include "tests/unit/parse.h"

extern const struct check check_units_failed;

#define NOW_NS (UINT64_C(1795374159) * SECOND)
#define HOUR (3600 * SECOND)

static void lists_of_units(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_systemd_unit]);

	assert_int_equal(parse_corpus("systemd_unit/252-systemctl", systemd_unit_parse, t), 0);
	assert_int_equal(t->n, 3);
	const struct systemd_unit *u = t->row;

	assert_string_equal(table_text(t, u[0].name), "dev-vda.device");
	assert_string_equal(table_text(t, u[1].name), "bad.service");
	assert_string_equal(table_text(t, u[1].active), "failed");
	assert_string_equal(table_text(t, u[2].name), "loop.service");
	table_cut(t, 0);
	assert_int_equal(parse_corpus("systemd_unit/damaged-handmade", systemd_unit_parse, t), 0);
	u = t->row;
	assert_int_equal(t->n, 3);
	assert_string_equal(table_text(t, u[0].result), "exit-code");
	assert_int_equal(u[0].exit_status, 3);
	assert_int_equal(u[0].changed_wall_ns, NOW_NS);
	assert_int_equal(u[1].restarts, 7);
	assert_false(row_has(u[1].has, SYSTEMD_UNIT_exit_code));
	assert_false(row_has(u[1].has, SYSTEMD_UNIT_restart_ns));
	assert_string_equal(table_text(t, u[2].name), "old.service");
	assert_false(row_has(u[2].has, SYSTEMD_UNIT_restarts)); /* a description is none */
	table_unref(t);
}

/* host_units() asked for nothing more of the second. */
static void a_slow_systemd(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_systemd_unit]);

	assert_int_equal(parse_text("a.service loaded failed failed\tResult=timeout\n"
				    "b.service loaded failed failed\tAsked=no\n",
				 systemd_unit_parse, t),
		0);
	const struct systemd_unit *u = t->row;

	assert_int_equal(t->n, 2);
	assert_string_equal(table_text(t, u[0].result), "timeout");
	assert_false(row_has(u[1].has, SYSTEMD_UNIT_changed_wall_ns));
	assert_int_equal(t->cell[SYSTEMD_UNIT_changed_wall_ns], STATE_LATE);
	assert_int_equal(t->cell[SYSTEMD_UNIT_name], STATE_ABSENT);
	table_unref(t);
}

static struct systemd_unit *add_unit(
	struct frame *f, const char *name, const char *active, const char *sub)
{
	struct systemd_unit *u = build_row(f, TABLE_systemd_unit);

	u->name = build_text(f, TABLE_systemd_unit, name);
	u->active = build_text(f, TABLE_systemd_unit, active);
	u->sub = build_text(f, TABLE_systemd_unit, sub);
	u->changed_wall_ns = NOW_NS - HOUR;
	return u;
}

static void a_unit_failed(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	s.now.walltime_ns = NOW_NS;
	assert_int_equal(scene_judge(&s, &check_units_failed), VERDICT_UNKNOWN);
	build_table(&s.now, TABLE_systemd_unit);
	assert_int_equal(scene_judge(&s, &check_units_failed), VERDICT_FINE);
	struct systemd_unit *u = add_unit(&s.now, "db.service", "failed", "failed");

	u->result = build_text(&s.now, TABLE_systemd_unit, "exit-code");
	u->exit_code = 1;
	u->exit_status = 3;
	const struct finding *f = scene_sad(&s, &check_units_failed, SEVERITY_WARNING);

	assert_int_equal(f->culprits[0].kind, ENTITY_UNIT);
	assert_string_equal(f->culprits[0].name, "db.service");
	assert_string_equal(f->culprits[1].name, "/system.slice/db.service");
	assert_string_equal(f->title, "db.service failed 1 h ago: its process exited with 3");
	u->exit_code = 2;
	u->exit_status = 9;
	assert_string_equal(scene_sad(&s, &check_units_failed, SEVERITY_WARNING)->cause,
		"its process was killed by signal 9");
	/* Nobody misses it. */
	u->changed_wall_ns = NOW_NS - 25 * HOUR;
	scene_sad(&s, &check_units_failed, SEVERITY_INFO);
	build_unset(u, SYSTEMD_UNIT_changed_wall_ns);
	scene_sad(&s, &check_units_failed, SEVERITY_WARNING);
	/* It may be as old: systemd was not asked, or did not answer. */
	s.now.at[TABLE_systemd_unit]->cell[SYSTEMD_UNIT_changed_wall_ns] = STATE_LATE;
	scene_sad(&s, &check_units_failed, SEVERITY_INFO);
	s.now.at[TABLE_systemd_unit]->cell[SYSTEMD_UNIT_changed_wall_ns] = STATE_ABSENT;
	f = scene_sad(&s, &check_units_failed, SEVERITY_WARNING);
	assert_non_null(strstr(f->todo[2], "systemctl disable db.service"));
	/* Nothing can start these again, nor disable them. */
	u->name = build_text(&s.now, TABLE_systemd_unit, "session-4.scope");
	f = scene_sad(&s, &check_units_failed, SEVERITY_INFO);
	assert_int_equal(f->n_todo, 2);
	assert_non_null(strstr(f->todo[1], "systemctl reset-failed session-4.scope"));
	u->name = build_text(&s.now, TABLE_systemd_unit, "removed.service");
	u->load = build_text(&s.now, TABLE_systemd_unit, "not-found");
	assert_int_equal(scene_sad(&s, &check_units_failed, SEVERITY_INFO)->n_todo, 2);
	u->name = build_text(&s.now, TABLE_systemd_unit, "mnt-data.mount");
	u->load = build_text(&s.now, TABLE_systemd_unit, "loaded");
	f = scene_sad(&s, &check_units_failed, SEVERITY_WARNING);
	assert_non_null(strstr(f->todo[2], "/etc/fstab"));
	scene_end(&s);
}

static void a_unit_loops(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	s.now.walltime_ns = NOW_NS;
	struct systemd_unit *u = add_unit(&s.now, "web.service", "activating", "auto-restart");

	u->restarts = 2;
	assert_int_equal(scene_judge(&s, &check_units_failed), VERDICT_FINE);
	u->restarts = 3;
	scene_sad(&s, &check_units_failed, SEVERITY_WARNING);
	/* Starting is not failing. */
	u->sub = build_text(&s.now, TABLE_systemd_unit, "start");
	assert_int_equal(scene_judge(&s, &check_units_failed), VERDICT_FINE);
	/* An old systemd does not count. */
	u->sub = build_text(&s.now, TABLE_systemd_unit, "auto-restart");
	build_unset(u, SYSTEMD_UNIT_restarts);
	assert_int_equal(scene_judge(&s, &check_units_failed), VERDICT_FINE);
	add_unit(&s.was, "web.service", "activating", "auto-restart");
	s.now.at[TABLE_systemd_unit]->cell[SYSTEMD_UNIT_restarts] = STATE_LATE;
	assert_int_equal(scene_judge(&s, &check_units_failed), VERDICT_FINE);
	s.now.at[TABLE_systemd_unit]->cell[SYSTEMD_UNIT_restarts] = STATE_ABSENT;
	scene_sad(&s, &check_units_failed, SEVERITY_WARNING);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_units),
		cmocka_unit_test(a_slow_systemd),
		cmocka_unit_test(a_unit_failed),
		cmocka_unit_test(a_unit_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
