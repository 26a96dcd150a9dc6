/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

#define NS_PER_US 1000u

static bool is_load_state(struct span s)
{
	static const char *const states[] = { "loaded", "not-found", "bad-setting", "error",
		"merged", "masked", "stub" };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (span_eq(s, states[i]))
			return true;
	}
	return false;
}

/* What has a type behind its last dot; systemctl may paint a sign before it. */
static bool take_name(struct cursor *c, struct span *ret_name)
{
	for (int i = 0; i < 2; i++) {
		if (!cursor_word(c, ret_name))
			return false;
		const char *dot = memrchr(ret_name->at, '.', ret_name->len);

		if (dot && dot + 1 < ret_name->at + ret_name->len)
			return true;
	}
	return false;
}

/* "NRestarts=3" behind a tabulator. */
static void take_property(struct table *t, struct systemd_unit *u, struct span s)
{
	static const struct {
		const char *name;
		unsigned int column;
		uint64_t scale;
	} numbers[] = {
		{ "ExecMainCode=", SYSTEMD_UNIT_exit_code, 1 },
		{ "ExecMainStatus=", SYSTEMD_UNIT_exit_status, 1 },
		{ "NRestarts=", SYSTEMD_UNIT_restarts, 1 },
		{ "RestartUSec=", SYSTEMD_UNIT_restart_ns, NS_PER_US },
		{ "MainPID=", SYSTEMD_UNIT_pid, 1 },
		{ "StateChangeTimestamp=", SYSTEMD_UNIT_changed_wall_ns, NS_PER_US },
	};
	struct cursor c = cursor_span(s);
	uint64_t value;

	if (cursor_lit(&c, "Result=")) {
		row_put(t->schema, u, SYSTEMD_UNIT_result, table_intern(t, c.at, cursor_left(&c)));
		return;
	}
	if (cursor_lit(&c, "Asked=no")) {
		for (unsigned int i = SYSTEMD_UNIT_result; i < t->schema->n_columns; i++)
			t->cell[i] = STATE_LATE;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (!cursor_lit(&c, numbers[i].name))
			continue;
		if (cursor_u64(&c, &value) && cursor_end(&c) &&
			!__builtin_mul_overflow(value, numbers[i].scale, &value))
			row_put(t->schema, u, numbers[i].column, value);
		return;
	}
}

/* Those that run or are at rest are nobody's trouble. */
static bool is_of_interest(struct span active, struct span sub)
{
	return span_eq(active, "failed") || span_eq(active, "activating") ||
	       span_eq(sub, "auto-restart");
}

static int take_unit(struct cursor c, struct table *t)
{
	struct span name, load, active, sub, part;

	if (!take_name(&c, &name) || !cursor_word(&c, &load) || !is_load_state(load) ||
		!cursor_word(&c, &active) || !cursor_word(&c, &sub) || !is_of_interest(active, sub))
		return 0;
	struct systemd_unit *u = table_add(t);

	if (!u)
		return -ENOMEM;
	row_put(t->schema, u, SYSTEMD_UNIT_name, table_intern(t, name.at, name.len));
	row_put(t->schema, u, SYSTEMD_UNIT_load, table_intern(t, load.at, load.len));
	row_put(t->schema, u, SYSTEMD_UNIT_active, table_intern(t, active.at, active.len));
	row_put(t->schema, u, SYSTEMD_UNIT_sub, table_intern(t, sub.at, sub.len));
	while (cursor_lit(&c, "\t") && cursor_word(&c, &part))
		take_property(t, u, part);
	return 0;
}

/*
 * Parse units, a row for each that failed, starts or waits for its restart. Lines that are none
 * (systemctl's heading and legend) are skipped.
 *
 * Shape:  "[sign] NAME LOAD ACTIVE SUB", then a description, or properties behind tabulators.
 * Errors: -ENOMEM.
 * Source: host_units(); systemd src/systemctl/systemctl-list-units.c.
 */
int systemd_unit_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line))
		err = take_unit(line, t);
	return err;
}

static int read_systemd_unit(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_systemd_unit);
	auto_strbuf text = { 0 };

	if (!t)
		return 0;
	int err = host_units(p->host, &text);

	if (err == -ENOENT)
		table_fail(t, STATE_ABSENT, "systemd does not run here");
	else if (err == -EOPNOTSUPP)
		table_fail(t, STATE_ABSENT, "this murphy was built without libsystemd");
	else if (err == -ELIBACC)
		table_fail(t, STATE_ABSENT, "libsystemd.so.0 cannot be loaded");
	else if (err == -ETIMEDOUT)
		table_fail(t, STATE_LATE, "systemd does not answer");
	else if (err < 0)
		table_fail(t, state_of_errno(err), "systemd: %s", strerror(-err));
	else
		probe_bytes(t, "systemd/units", 0, &text, systemd_unit_parse);
	if (t->state == STATE_OK && t->cell[SYSTEMD_UNIT_changed_wall_ns] == STATE_LATE)
		table_fail(t, STATE_LATE,
			"systemd was not asked for all of each unit: it is slow, or they are many");
	return 0;
}

const struct source source_systemd_unit = {
	.name = "systemd_unit",
	.fills = { TABLE_systemd_unit },
	.manner = MANNER_RISKY,
	.deadline_ns = 600000000,
	.denied = "needs root, or the system bus of D-Bus",
	.read = read_systemd_unit,
};
