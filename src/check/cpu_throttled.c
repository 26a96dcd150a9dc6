/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/cpu.h"
#include "model/process.h"

#include <string.h>

/*
 * A control group with a CPU quota that used it up stands still until its period ends
 * (kernel/sched/fair.c, throttle_cfs_rq()). nr_periods counts only periods in which it had
 * something to run, so nr_throttled over nr_periods is the share of its working time.
 */
#define THROTTLED_RATIO 0.25
#define THROTTLED_WHY "of the periods in which the group ran: every fourth request meets a stop"
/* Half a second of the usual 100 ms periods; fewer say nothing. */
enum { PERIODS_MIN = 5 };
/* Stopped for less than this in all, nobody noticed. */
#define STOPPED_RATIO 0.01

enum { MEMBERS_SHOWN = 5 };

struct throttle {
	const struct cgroup *g;
	struct reading ratio;   /* of its periods */
	struct reading stopped; /* throttled time over the look, of all CPUs together */
	struct reading used;    /* CPUs */
	struct reading allowed; /* CPUs */
	double periods;
};

static struct throttle look_at(const struct model *m, const struct cgroup *g)
{
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_cgroup);
	struct reading periods = model_delta(m, TABLE_cgroup, g, CGROUP_cpu_periods);
	struct reading hit = model_delta(m, TABLE_cgroup, g, CGROUP_cpu_throttled_periods);
	struct reading stopped = model_delta(m, TABLE_cgroup, g, CGROUP_cpu_throttled_ns);
	struct reading used = model_delta(m, TABLE_cgroup, g, CGROUP_cpu_usage_ns);
	struct throttle t = { .g = g, .periods = periods.value };

	if (reading_ok(periods) && reading_ok(hit))
		t.ratio = ratio_of(hit.value, periods.value);
	if (reading_ok(stopped))
		t.stopped = ratio_of(stopped.value, elapsed_ns);
	if (reading_ok(used))
		t.used = ratio_of(used.value, elapsed_ns);
	if (row_has(g->has, CGROUP_cpu_quota_ns) && row_has(g->has, CGROUP_cpu_period_ns))
		t.allowed = ratio_of((double)g->cpu_quota_ns, (double)g->cpu_period_ns);
	return t;
}

static bool sad(const struct throttle *t)
{
	return reading_ok(t->ratio) && t->periods >= PERIODS_MIN &&
	       t->ratio.value >= THROTTLED_RATIO &&
	       (!reading_ok(t->stopped) || t->stopped.value >= STOPPED_RATIO);
}

/* In the group or below it: those stop with it. */
static bool within(const char *path, const char *group)
{
	size_t len = strlen(group);

	return strncmp(path, group, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool is_below(const struct model *m, const struct cgroup *g, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_process_cgroup);
	const struct process_cgroup *pc = table_find(t, pid);
	const char *group = table_text(frame_table(m->now, TABLE_cgroup), g->path);

	if (!pc)
		return false;
	bool own = g->version == 1 && row_has(pc->has, PROCESS_CGROUP_cpu_path);

	return (own || row_has(pc->has, PROCESS_CGROUP_path)) &&
	       within(table_text(t, own ? pc->cpu_path : pc->path), group);
}

/* Its members by cgroup.procs, and by /proc/PID/cgroup those of groups below it. */
static void add_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct cgroup *g)
{
	const struct table *members = frame_table(m->now, TABLE_cgroup_member);
	size_t n = 0;

	for (size_t i = 0; m->process && i < m->process->n; i++) {
		uint64_t pid = m->process->row[i].pid;
		const struct cgroup_member *member = table_find(members, pid);

		if (member ? member->cgroup != g->id : !is_below(m, g, pid))
			continue;
		if (n++ < MEMBERS_SHOWN)
			finding_victim(f, entity_process(j, m, pid));
	}
	f->more_victims += n > MEMBERS_SHOWN ? n - MEMBERS_SHOWN : 0;
}

static void add_evidence(struct finding *f, const struct model *m, const struct throttle *t)
{
	const char *stat = t->g->version == 2 ? "cpu.stat" : "cpu.stat, cpuacct.usage";

	finding_evidence(f, "cgroup.throttled_ratio", UNIT_RATIO, t->ratio, "cpu.stat",
		reading_of(THROTTLED_RATIO), THROTTLED_WHY);
	finding_evidence(f, "cgroup.throttled_time_ratio", UNIT_RATIO, t->stopped, stat,
		reading_of(STOPPED_RATIO), "of the look, all CPUs added: may be more than 100 %");
	/* Version 1 counts it only where cpuacct shares the hierarchy. */
	if (reading_ok(t->used))
		finding_evidence(f, "cgroup.cpus_used", UNIT_COUNT, t->used, stat,
			reading_none(STATE_ABSENT), NULL);
	finding_evidence(f, "cgroup.cpus_allowed", UNIT_COUNT, t->allowed,
		t->g->version == 2 ? "cpu.max" : "cpu.cfs_quota_us", reading_none(STATE_ABSENT),
		NULL);
	if (m->cpu)
		finding_evidence(f, "cpu.idle_ratio", UNIT_RATIO, m->cpu->idle, "/proc/stat",
			reading_none(STATE_ABSENT), "what the machine had left meanwhile");
}

static void add_todo(
	struct judgement *j, struct finding *f, const struct throttle *t, const char *path)
{
	bool v2 = t->g->version == 2;
	const char *dir = judge_text(j, "/sys/fs/cgroup%s%s", v2 ? "" : "/cpu", path);
	const char *quota = judge_text(j, "%s/%s", dir, v2 ? "cpu.max" : "cpu.cfs_quota_us");
	unsigned long long twice_us = (unsigned long long)t->g->cpu_quota_ns / 500;
	const char *twice = v2 ? judge_text(j, "'%llu %llu'", twice_us,
					 (unsigned long long)t->g->cpu_period_ns / 1000)
			       : judge_text(j, "%llu", twice_us);

	finding_todo(f, judge_text(j, "watch it:  grep -E 'nr_|thr' %s",
				shell_word(j, judge_text(j, "%s/cpu.stat", dir))));
	if (reading_ok(t->allowed))
		finding_todo(f, judge_text(j,
					"give it more, until its manager writes again:  "
					"echo %s > %s",
					twice, shell_word(j, quota)));
	finding_todo(f, "for good: CPUQuota= of the unit, limits.cpu of the pod, --cpus of the "
			"container; where requests must be fast, weights instead of a quota");
	finding_todo(f,
		"in the program: no more busy threads than CPUs allowed (GOMAXPROCS, "
		"-XX:ActiveProcessorCount, workers): they burn the quota at once, then all stop");
}

static void report(struct judgement *j, const struct model *m, const struct throttle *t)
{
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	const char *path = table_text(frame_table(m->now, TABLE_cgroup), t->g->path);
	struct entity group = entity_cgroup(j, path);

	add_evidence(f, m, t);
	finding_culprit(f, group);
	add_victims(j, m, f, t->g);
	f->share = t->ratio.value > 1 ? 1 : t->ratio.value;
	f->title = judge_text(j, "%s is stopped in %s of its periods: its CPU quota is used up",
		group.name, human_ratio(f->share).s);
	f->cause =
		reading_ok(t->allowed)
			? judge_text(j, "it may use %.3g CPUs and wants more%s", t->allowed.value,
				  m->cpu && reading_ok(m->cpu->idle) && m->cpu->idle.value > 0.2
					  ? "; the machine has CPUs idle meanwhile"
					  : "")
			: "its CPU quota is smaller than what it wants";
	add_todo(j, f, t, group.name);
	f->refuted_if =
		"the group is batch work that is meant to be slow, or nr_throttled stands still "
		"over a minute";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	enum verdict verdict = VERDICT_FINE;
	bool known = true;

	if (!table_usable(t))
		return judge_unknown(j, m, TABLE_cgroup);
	if (model_elapsed_ns(m, TABLE_cgroup) == 0)
		return judge_unknown_why(j, STATE_ABSENT, "takes two looks at the control groups");
	for (table_each(struct cgroup, g, t)) {
		struct throttle now = look_at(m, g);

		if (sad(&now))
			known &= judge_ask(j, m, TABLE_cgroup_member, g->id);
	}
	if (!known)
		return VERDICT_ASK;
	for (table_each(struct cgroup, g, t)) {
		struct throttle now = look_at(m, g);

		if (!sad(&now))
			continue;
		report(j, m, &now);
		verdict = VERDICT_SAD;
	}
	return verdict;
}

const struct check check_cpu_throttled = {
	.id = "cpu.throttled",
	.question = "Does a control group stand still because its CPU quota is used up?",
	.explains = { "cpu.saturated", "tcp.listen-overflow", "tcp.zero-window" },
	.needs = { { .table = TABLE_cgroup, .rate = true },
		{ .table = TABLE_cgroup_member, .ask = true } },
	.models = { MODEL_cpu, MODEL_process },
	.judge = judge,
};
