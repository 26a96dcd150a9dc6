/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"

#include <string.h>

/* A restart or two after a crash is what Restart= is for; three in a row are a loop. */
#define LOOPS 3
/* What failed days ago and nobody mended, nobody seems to miss. */
#define DAY_NS (24ull * 3600 * 1000000000u)

enum { SIGNALLED = 2, DUMPED = 3 };

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* Made by a login or by systemd-run, and gone with the next start: no service of the machine. */
static bool is_passing(const char *name)
{
	return ends_with(name, ".scope") || strncmp(name, "run-", 4) == 0;
}

static bool is(const struct table *t, text_t text, const char *word)
{
	return strcmp(table_text(t, text), word) == 0;
}

/* Nothing can start it again: what made it is over, or its file is no more. */
static bool is_gone(const struct table *t, const struct systemd_unit *u)
{
	return is_passing(table_text(t, u->name)) || is(t, u->load, "not-found") ||
	       is(t, u->load, "masked");
}

static bool loops(const struct table *t, const struct systemd_unit *u)
{
	return is(t, u->sub, "auto-restart") && row_has(u->has, SYSTEMD_UNIT_restarts) &&
	       u->restarts >= LOOPS;
}

/* Not all was asked of it: systemd was slow, or the units many. What is unknown accuses nobody. */
static bool not_asked(const struct table *t, const struct systemd_unit *u, unsigned int column)
{
	return !row_has(u->has, column) && t->cell[column] == STATE_LATE;
}

/*
 * Before systemd 235 nobody counts: waiting for its restart at both ends of the look is one signal.
 */
static bool may_loop(const struct model *m, const struct table *t, const struct systemd_unit *u)
{
	const struct table *was_t = m->was ? frame_table(m->was, TABLE_systemd_unit) : NULL;
	const struct systemd_unit *was = table_usable(was_t) ? table_same(was_t, t, u) : NULL;

	return is(t, u->sub, "auto-restart") && !row_has(u->has, SYSTEMD_UNIT_restarts) &&
	       !not_asked(t, u, SYSTEMD_UNIT_restarts) && was &&
	       is(was_t, was->sub, "auto-restart");
}

static uint64_t age_ns(const struct model *m, const struct systemd_unit *u)
{
	uint64_t now = m->now->walltime_ns;

	return now > u->changed_wall_ns ? now - u->changed_wall_ns : 0;
}

static bool has_age(const struct systemd_unit *u)
{
	return row_has(u->has, SYSTEMD_UNIT_changed_wall_ns) && u->changed_wall_ns > 0;
}

static enum severity grade(
	const struct model *m, const struct table *t, const struct systemd_unit *u, bool loop)
{
	/* Ends well and is started again: Restart=always as a timer. */
	if (is(t, u->result, "success") || is_gone(t, u) ||
		(!loop && has_age(u) && age_ns(m, u) > DAY_NS) ||
		(!loop && not_asked(t, u, SYSTEMD_UNIT_changed_wall_ns)))
		return SEVERITY_INFO;
	return SEVERITY_WARNING;
}

/* "its process exited with 3", "its process was killed by signal 9", "timeout"... */
static const char *reason(struct judgement *j, const struct table *t, const struct systemd_unit *u)
{
	const char *result = table_text(t, u->result);
	bool known = row_has(u->has, SYSTEMD_UNIT_exit_code) &&
		     row_has(u->has, SYSTEMD_UNIT_exit_status) && u->exit_code > 0;

	if (strcmp(result, "oom-kill") == 0)
		return "the kernel killed it for want of memory";
	if (strcmp(result, "timeout") == 0)
		return "it did not start or stop in the time it is given";
	if (strcmp(result, "watchdog") == 0)
		return "it did not say in time that it is alive (WatchdogSec)";
	if (strcmp(result, "start-limit-hit") == 0)
		return "it was started too often and is given up (StartLimitBurst)";
	if (strcmp(result, "resources") == 0)
		return "systemd could not set up what it needs: a file, memory, a namespace";
	if (known && u->exit_code >= SIGNALLED)
		return judge_text(j, "its process was killed by signal %llu%s",
			(unsigned long long)u->exit_status,
			u->exit_code == DUMPED ? " and dumped core" : "");
	if (known && u->exit_status > 0)
		return judge_text(
			j, "its process exited with %llu", (unsigned long long)u->exit_status);
	return result[0] && strcmp(result, "success") != 0 ? judge_text(j, "%s", result)
							   : "its log tells why";
}

static void add_evidence(struct judgement *j, struct finding *f, const struct model *m,
	const struct table *t, const struct systemd_unit *u)
{
	struct reading none = reading_none(STATE_ABSENT);

	const char *active = table_text(t, u->active), *sub = table_text(t, u->sub);
	bool failed = is(t, u->active, "failed");

	finding_evidence_text(f, "systemd_unit.state",
		strcmp(active, sub) == 0 ? judge_text(j, "%s", active)
					 : judge_text(j, "%s (%s)", active, sub),
		"systemd");
	if (u->result)
		finding_evidence_text(f, "systemd_unit.result",
			judge_text(j, "%s", table_text(t, u->result)), "systemd");
	if (row_has(u->has, SYSTEMD_UNIT_restarts) && u->restarts > 0)
		finding_evidence(f, "systemd_unit.restarts", UNIT_COUNT,
			reading_of((double)u->restarts), "systemd NRestarts", reading_of(LOOPS),
			"three in a row are a loop");
	if (has_age(u))
		finding_evidence_alarm(f, "systemd_unit.age_ns", UNIT_NS,
			reading_of((double)age_ns(m, u)), "systemd StateChangeTimestamp",
			ALARM_BELOW, failed ? reading_of(DAY_NS) : none,
			failed ? "what failed longer ago nobody seems to miss" : "in this state");
}

static void add_todo(struct judgement *j, struct finding *f, const struct table *t,
	const struct systemd_unit *u, bool loop)
{
	const char *name = table_text(t, u->name), *word = shell_word(j, name);
	bool mounted = ends_with(name, ".mount") || ends_with(name, ".swap");

	finding_todo(f, judge_text(j, "read why:  systemctl status %s; journalctl -b -n 50 -u %s",
				word, word));
	if (loop) {
		finding_todo(
			f, judge_text(j, "stop the loop while you look:  systemctl stop %s", word));
		return;
	}
	if (is_gone(t, u)) {
		finding_todo(f, judge_text(j,
					"it is not to come back: forget that it failed:  "
					"systemctl reset-failed %s",
					word));
		return;
	}
	finding_todo(f,
		judge_text(j, "start it again when that is mended:  systemctl restart %s", word));
	/* Made from /etc/fstab, there is nothing to disable. */
	if (mounted)
		finding_todo(f, judge_text(j,
					"not needed any more: take it out of /etc/fstab, then  "
					"systemctl daemon-reload; systemctl reset-failed %s",
					word));
	else
		finding_todo(f, judge_text(j,
					"not needed any more:  systemctl disable %s; systemctl "
					"reset-failed %s",
					word, word));
}

static void report(
	struct judgement *j, const struct model *m, const struct systemd_unit *u, bool loop)
{
	const struct table *t = frame_table(m->now, TABLE_systemd_unit);
	const char *name = judge_text(j, "%s", table_text(t, u->name)), *why = reason(j, t, u);
	struct finding *f = judge_finding(j, grade(m, t, u, loop), CONFIDENCE_CERTAIN);
	const char *ago =
		has_age(u) ? judge_text(j, " %s ago", human_ns((double)age_ns(m, u)).s) : "";

	if (loop && row_has(u->has, SYSTEMD_UNIT_restarts))
		f->title =
			judge_text(j, "%s dies and is restarted again and again, %llu times so far",
				name, (unsigned long long)u->restarts);
	else if (loop)
		f->title = judge_text(j, "%s dies and is restarted again and again", name);
	else
		f->title = judge_text(j, "%s failed%s: %s", name, ago, why);
	if (has_age(u) && m->now->boottime_ns > age_ns(m, u))
		f->since_ns = m->now->boottime_ns - age_ns(m, u);
	add_evidence(j, f, m, t, u);
	finding_culprit(f, (struct entity){ .kind = ENTITY_UNIT, .name = name, .pid = u->pid });
	/* Where it ran, which is how others know it. */
	if (ends_with(name, ".service"))
		finding_culprit(f, entity_cgroup(j, judge_text(j, "/system.slice/%s", name)));
	f->cause = why;
	add_todo(j, f, t, u, loop);
	f->refuted_if = loop ? "it runs on, and NRestarts stands still"
			     : "systemctl is-failed says active, or it is no longer wanted";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_systemd_unit);
	bool sad = false;

	for (table_each(const struct systemd_unit, u, t)) {
		bool loop = loops(t, u) || may_loop(m, t, u);

		if (!loop && !is(t, u->active, "failed"))
			continue;
		report(j, m, u, loop);
		sad = true;
	}
	return sad ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_units_failed = {
	.id = "units.failed",
	.question = "Did a unit of systemd fail, or does one restart again and again?",
	.explains = { "proc.restarting" },
	.needs = {
		{ .table = TABLE_systemd_unit, .rate = true },
	},
	.judge = judge,
};
