/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"

#include <string.h>

/*
 * Within the hour somebody still feels it; a day is the time in which an administrator wants to
 * hear of it unasked. Three kills in one place are a loop, not an accident.
 */
#define HOUR_NS (3600ull * 1000000000u)
/* A minute after the last kill it is over: what goes on now is to be read first. */
#define OVER_NS (60ull * 1000000000u)
/* A machine that ran out of memory is worth getting up for; one that did and runs on is not. */
#define RECENT_NS (600ull * 1000000000u)
#define DAY_NS (24 * HOUR_NS)
#define REPEATED 3

enum { GROUPS_MAX = 16, ROOT_PATH_LEN = 1 };

/* Kills by the limit that was hit. */
struct group {
	const char *cgroup; /* "/": no group's limit, the whole machine */
	bool global;
	uint64_t logged, counted;   /* in the kernel's log; by the group's own counter */
	uint64_t hour, day;         /* of the logged */
	uint64_t ours;              /* of the logged: murphy itself was killed */
	uint64_t first_ns, last_ns; /* boottime; 0: unknown */
	bool now;                   /* the counter rose during the look */
	size_t joined;              /* groups like it, gone now, that are in these numbers */
	const struct klog_oom *last;
};

struct groups {
	struct group at[GROUPS_MAX];
	size_t n;
	uint64_t logged, lost; /* rows of the log; kills that neither log nor a group knows */
};

static struct group *group_of(struct groups *g, const char *cgroup, bool global)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->at[i].global == global && strcmp(g->at[i].cgroup, cgroup) == 0)
			return &g->at[i];
	}
	if (g->n == GROUPS_MAX)
		return NULL;
	g->at[g->n] = (struct group){ .cgroup = cgroup, .global = global };
	return &g->at[g->n++];
}

/* Whose limit it was; a report that the log lost leaves the victim's group or nothing. */
static const char *limited_group(const struct table *t, const struct klog_oom *k)
{
	if (k->cgroup)
		return table_text(t, k->cgroup);
	if (strcmp(table_text(t, k->constraint), "memcg") != 0)
		return NULL;
	return k->victim_cgroup ? table_text(t, k->victim_cgroup) : "";
}

static void fold_log(struct groups *g, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	uint64_t now_ns = m->now->boottime_ns;

	if (!table_usable(t))
		return;
	for (table_each(const struct klog_oom, k, t)) {
		const char *cgroup = limited_group(t, k);
		struct group *one = group_of(g, cgroup ? cgroup : "/", !cgroup);

		g->logged++;
		if (!one)
			continue;
		one->logged++;
		one->ours += model_is_ours(table_text(t, k->comm));
		if (!one->last || k->at_ns >= one->last_ns)
			one->last = k;
		if (!row_has(k->has, KLOG_OOM_at_ns))
			continue;
		uint64_t age = now_ns > k->at_ns ? now_ns - k->at_ns : 0;

		one->hour += age <= HOUR_NS;
		one->day += age <= DAY_NS;
		if (k->at_ns > one->last_ns)
			one->last_ns = k->at_ns;
		if (!one->first_ns || k->at_ns < one->first_ns)
			one->first_ns = k->at_ns;
	}
}

/* below is path or lies under it. */
static bool within(const char *below, const char *path)
{
	size_t len = strlen(path);

	return strncmp(below, path, len) == 0 &&
	       (below[len] == '\0' || below[len] == '/' || len == ROOT_PATH_LEN);
}

/* Kills in the log whose victim was in the group of row c; version 2 counts those below it too. */
static uint64_t logged_in(const struct model *m, const struct cgroup *c, const char *path)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	uint64_t n = 0;

	if (!table_usable(t))
		return 0;
	for (table_each(const struct klog_oom, k, t)) {
		const char *victim = table_text(t, k->victim_cgroup ? k->victim_cgroup : k->cgroup);

		n += c->version == 2 ? within(victim, path) : strcmp(victim, path) == 0;
	}
	return n;
}

/* Version 2 counts kills in each group above too: only the deepest that has them is told. */
static bool counted_below(const struct table *t, const struct cgroup *c, const char *path)
{
	if (c->version != 2)
		return false;
	for (table_each(const struct cgroup, d, t)) {
		if (d != c && d->oom_kills >= c->oom_kills && within(table_text(t, d->path), path))
			return true;
	}
	return false;
}

/* Kills that a group counted: some are no longer in the log, or it may not be read. */
static void fold_counters(struct groups *g, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);
	uint64_t known = g->logged;

	if (table_usable(t)) {
		for (table_each(const struct cgroup, c, t)) {
			const char *path = table_text(t, c->path);

			if (c->oom_kills == 0 || counted_below(t, c, path))
				continue;
			struct reading rise = model_delta(m, TABLE_cgroup, c, CGROUP_oom_kills);
			uint64_t logged = logged_in(m, c, path);
			bool rose = reading_ok(rise) && rise.value > 0;

			if (logged >= c->oom_kills && !rose)
				continue;
			struct group *one = group_of(g, path, false);

			if (!one)
				continue;
			one->counted += c->oom_kills;
			one->now |= rose;
			known += c->oom_kills > logged ? c->oom_kills - logged : 0;
		}
	}
	if (v && row_has(v->has, VMSTAT_oom_kills) && v->oom_kills > known)
		g->lost = v->oom_kills - known;
}

static size_t parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

/* A container that is killed and started anew has the same place and another name. */
static bool alike(const struct table *t, const struct group *a, const char *cgroup, text_t comm)
{
	size_t len = parent_len(a->cgroup);

	return !a->global && a->cgroup[0] && a->last && cgroup[0] && parent_len(cgroup) == len &&
	       memcmp(a->cgroup, cgroup, len) == 0 &&
	       strcmp(table_text(t, a->last->comm), table_text(t, comm)) == 0;
}

static bool is_there(const struct model *m, const char *cgroup)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);

	if (!table_usable(t))
		return true; /* not known: each is told */
	for (table_each(const struct cgroup, c, t)) {
		if (strcmp(table_text(t, c->path), cgroup) == 0)
			return true;
	}
	return false;
}

/* into keeps the later name. */
static void merge(struct group *into, const struct group *from)
{
	if (from->last_ns > into->last_ns) {
		into->last_ns = from->last_ns;
		into->last = from->last;
		into->cgroup = from->cgroup;
	}
	if (from->first_ns && (!into->first_ns || from->first_ns < into->first_ns))
		into->first_ns = from->first_ns;
	into->logged += from->logged;
	into->hour += from->hour;
	into->day += from->day;
	into->ours += from->ours;
	into->joined++;
}

/* Kills of the like in groups that are gone are one story, often a loop. */
static void join_gone(struct groups *g, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct group one = g->at[i];
		bool gone = one.last && !one.global && !one.counted && !is_there(m, one.cgroup);
		size_t k = 0;

		while (k < n && !(gone && !g->at[k].counted && !is_there(m, g->at[k].cgroup) &&
					alike(t, &g->at[k], one.cgroup, one.last->comm)))
			k++;
		if (k < n)
			merge(&g->at[k], &one);
		else
			g->at[n++] = one;
	}
	g->n = n;
}

static bool ended_before(const struct model *m, const struct group *one, uint64_t age_ns)
{
	return !one->now && m->now->boottime_ns > one->last_ns + age_ns;
}

/* A murphy that looked from a group too small for it: nothing that was here before it is hurt. */
static bool only_ours(const struct group *one)
{
	return !one->global && one->ours > 0 && one->ours == one->logged &&
	       one->counted <= one->logged;
}

static enum severity grade(const struct model *m, const struct group *one)
{
	if (only_ours(one))
		return SEVERITY_INFO;
	bool bad = one->global && !ended_before(m, one, RECENT_NS);

	if (one->hour > 0 || one->now)
		return bad || one->hour >= REPEATED ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	if (one->day > 0)
		return one->global || one->day >= REPEATED ? SEVERITY_WARNING : SEVERITY_INFO;
	return SEVERITY_INFO;
}

static const char *victim_label(
	struct judgement *j, const struct table *t, const struct klog_oom *k)
{
	return judge_text(j, "%s (pid %llu)", table_text(t, k->comm), (unsigned long long)k->pid);
}

static void add_victims(
	struct judgement *j, struct finding *f, const struct model *m, const struct group *one)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);

	if (!one->last)
		return;
	/* The last ones first: they are felt. */
	for (size_t i = t->n; i-- > 0;) {
		const struct klog_oom *k = table_at(t, i);
		const char *cgroup = limited_group(t, k);
		uint64_t held = k->anon_bytes + k->file_bytes + k->shmem_bytes;

		if (!cgroup != one->global || (cgroup && strcmp(cgroup, one->cgroup) != 0 &&
						      !(one->joined && !is_there(m, cgroup) &&
							      alike(t, one, cgroup, k->comm))))
			continue;
		finding_victim(f, (struct entity){ .kind = ENTITY_PROCESS,
					  .pid = k->pid,
					  .name = judge_text(j, "%s", table_text(t, k->comm)),
					  .detail = judge_text(j, "killed, held %s",
						  human_bytes((double)held).s) });
	}
}

static const char *place(struct judgement *j, const struct group *one)
{
	if (one->global)
		return "the whole machine was out of memory";
	if (!one->cgroup[0])
		return "the limit of a control group that the log no longer names";
	if (one->last && row_has(one->last->has, KLOG_OOM_limit_bytes))
		return judge_text(j, "limit %s of %s",
			human_bytes((double)one->last->limit_bytes).s, one->cgroup);
	return judge_text(j, "in control group %s", one->cgroup);
}

static const char *title(struct judgement *j, const struct model *m, const struct group *one)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	uint64_t n = one->logged > one->counted ? one->logged : one->counted;
	uint64_t now_ns = m->now->boottime_ns;
	const char *when = "", *who = "a process";

	if (one->last_ns)
		when = judge_text(j, " %s ago",
			human_ns(now_ns > one->last_ns ? (double)(now_ns - one->last_ns) : 0).s);
	else if (one->now)
		when = " just now";
	if (one->last)
		who = victim_label(j, t, one->last);
	if (n <= 1)
		return judge_text(j, "OOM killer killed %s%s: %s", who, when, place(j, one));
	if (!one->last)
		return judge_text(j, "OOM killer killed %llu processes%s: %s",
			(unsigned long long)n, when, place(j, one));
	return judge_text(j, "OOM killer killed %llu processes, the last %s%s: %s",
		(unsigned long long)n, who, when, place(j, one));
}

static void add_evidence(struct finding *f, const struct group *one, uint64_t lost)
{
	struct reading none = reading_none(STATE_ABSENT);

	if (one->logged)
		finding_evidence(f, "klog_oom.kills", UNIT_COUNT, reading_of((double)one->logged),
			"kernel log", reading_of(1),
			"each is a process that did not choose to end");
	if (one->counted)
		finding_evidence(f, "cgroup.oom_kills", UNIT_COUNT,
			reading_of((double)one->counted), "memory.events, memory.oom_control",
			reading_of(1), "counted also where the log lost the text");
	if (one->last) {
		finding_evidence(f, "klog_oom.kills_last_hour", UNIT_COUNT,
			reading_of((double)one->hour), "kernel log", reading_of(REPEATED),
			"three in an hour are a loop");
		finding_evidence(f, "klog_oom.anon_bytes", UNIT_BYTES,
			reading_of((double)one->last->anon_bytes), "kernel log, last victim", none,
			NULL);
	}
	if (one->last && row_has(one->last->has, KLOG_OOM_limit_bytes))
		finding_evidence(f, "klog_oom.limit_bytes", UNIT_BYTES,
			reading_of((double)one->last->limit_bytes), "kernel log", none, NULL);
	if (lost)
		finding_evidence(f, "vmstat.oom_kills_not_in_log", UNIT_COUNT,
			reading_of((double)lost), "/proc/vmstat oom_kill", none,
			"since boot, on the whole machine: their lines are gone from the log");
}

/* Where the files of that group's memory lie. */
static const char *memory_root(const struct model *m, const char *cgroup)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);

	for (table_each(const struct cgroup, c, table_usable(t) ? t : NULL)) {
		if (c->version == 2 && strcmp(table_text(t, c->path), cgroup) == 0)
			return "/sys/fs/cgroup";
	}
	return "/sys/fs/cgroup/memory";
}

static void advise(
	struct judgement *j, const struct model *m, struct finding *f, const struct group *one)
{
	finding_todo(f, "read the report:  dmesg -T | grep -i -B40 'killed process' | tail -n 60");
	f->refuted_if = "no kill follows although the same load comes again";
	if (only_ours(one)) {
		finding_todo(f, "give the group that murphy runs in a larger limit");
		return;
	}
	if (one->global || !one->cgroup[0]) {
		finding_todo(f, "see who grows:  ps -eo pid,rss,etime,comm --sort=-rss | head");
		finding_todo(f, "bound the grower:  systemctl set-property UNIT MemoryMax=SIZE");
	} else if (!is_there(m, one->cgroup)) {
		finding_todo(f, "the group is gone: see what it was and who starts it anew:  "
				"dmesg -T | grep 'oom-kill:' | tail");
		finding_todo(f, "find what grows in it before the limit is raised");
	} else {
		finding_todo(f,
			judge_text(j, "see what the group holds:  cat %s",
				shell_word(j, judge_text(j, "%s%s/memory.stat",
						      memory_root(m, one->cgroup), one->cgroup))));
		finding_todo(f, "find what grows in it before the limit is raised");
	}
}

static void report(
	struct judgement *j, const struct model *m, const struct group *one, uint64_t lost)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	struct finding *f = judge_finding(j, grade(m, one), CONFIDENCE_CERTAIN);
	const char *asked = one->last ? table_text(t, one->last->asked_by) : "";

	f->title = title(j, m, one);
	f->past = ended_before(m, one, OVER_NS);
	f->since_ns = one->first_ns;
	add_evidence(f, one, lost);
	/* The machine as a whole is the root group: one identity for kills of one limit. */
	finding_culprit(f, (struct entity){ .kind = ENTITY_CGROUP,
				   .name = judge_text(j, "%s", one->cgroup),
				   .detail = one->global ? "the whole machine" : NULL });
	add_victims(j, f, m, one);
	if (only_ours(one))
		f->cause = judge_text(j,
			"%s; it was murphy itself that was killed, and what it could not read "
			"then is missing in what it told",
			place(j, one));
	else
		f->cause = judge_text(j,
			"%s%s%s%s; the killed process held most, which does not prove that it grew",
			place(j, one),
			one->joined ? judge_text(j, " (the last of %zu groups there, all gone)",
					      one->joined + 1)
				    : "",
			asked[0] ? "; the last straw was an allocation by " : "", asked);
	advise(j, m, f, one);
}

/* Kills that are neither in the log nor counted by a group that still exists. */
static void report_lost(struct judgement *j, const struct model *m, uint64_t lost)
{
	const struct table *t = frame_table(m->now, TABLE_klog_oom);
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);
	struct reading rise = model_delta(m, TABLE_vmstat, v, VMSTAT_oom_kills);
	bool now = reading_ok(rise) && rise.value > 0;
	struct finding *f =
		judge_finding(j, now ? SEVERITY_WARNING : SEVERITY_INFO, CONFIDENCE_CERTAIN);

	f->past = !now;
	f->title = judge_text(j, "OOM killer killed %llu processes since boot%s; whom is lost",
		(unsigned long long)lost, now ? ", some just now" : "");
	finding_evidence(f, "vmstat.oom_kills_not_in_log", UNIT_COUNT, reading_of((double)lost),
		"/proc/vmstat oom_kill", reading_of(1), "the kernel counts each kill");
	finding_culprit(f, entity_host());
	f->cause = t && t->state == STATE_LATE
			   ? "the log could not be read in time, and the group is gone"
			   : "the log's ring was overwritten or may not be read, and the group is "
			     "gone";
	finding_todo(f, "look in the journal:  journalctl -k | grep -i 'killed process'");
	f->refuted_if = "the journal has them: then read who it was there";
}

/* A kill during the look of which neither the log nor a group that still exists knows. */
static bool unseen_now(const struct model *m, const struct groups *g)
{
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);
	struct reading rise =
		v ? model_delta(m, TABLE_vmstat, v, VMSTAT_oom_kills) : reading_none(STATE_ABSENT);

	for (size_t i = 0; i < g->n; i++) {
		if (g->at[i].now || (m->was && g->at[i].last_ns >= m->was->boottime_ns))
			return false;
	}
	return reading_ok(rise) && rise.value > 0;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);
	bool counted = v && row_has(v->has, VMSTAT_oom_kills);
	struct groups g = { 0 };

	fold_log(&g, m);
	fold_counters(&g, m);
	join_gone(&g, m);
	for (size_t i = 0; i < g.n; i++)
		report(j, m, &g.at[i], i == 0 ? g.lost : 0);
	if (g.lost > 0 && (g.n == 0 || unseen_now(m, &g)))
		report_lost(j, m, g.lost);
	if (j->n_findings + j->lost_findings > 0 && (g.n > 0 || g.lost > 0))
		return VERDICT_SAD;
	if (!counted && !table_usable(frame_table(m->now, TABLE_klog_oom)))
		return judge_unknown(j, m, TABLE_klog_oom);
	return VERDICT_FINE;
}

const struct check check_mem_oom = {
	.id = "mem.oom",
	.question = "Did the kernel kill processes for want of memory?",
	.explains = { "mem.cgroup", "proc.restarting", "units.failed" },
	.needs = {
		{ .table = TABLE_klog_oom, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_cgroup, .rate = true, .optional = true },
	},
	.judge = judge,
};
