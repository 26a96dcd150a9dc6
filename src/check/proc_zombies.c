/* SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/zombies.h"

#include <string.h>

/*
 * A zombie is an exit code that waits for its parent: no memory, no CPU, a pid. A few of them live
 * on every machine for milliseconds, some for ever under careless parents. They matter when the
 * pids that they hold run out.
 */
#define MANY 20
#define MANY_WHY "a parent that waits for its children has a few, for milliseconds"
#define LIMIT_RATIO 0.10
#define LIMIT_WHY "of the pids that there may be are held by the dead"
/* In one look of two seconds that is no coincidence, if none was reaped meanwhile. */
#define GROWTH_MIN 3
/* At the pace of a look; there is time to mend it until then, and no more. */
static const double SOON_NS = 7 * 24 * 3600e9;
#define SOON_WHY "then fork() fails, at the pace of this look"
static const double HOUR_NS = 3600e9;
enum { RECENT_S = 60 };

/* The pids that this parent's children take from. */
struct room {
	double limit, used;
	const char *what;
};

struct facts {
	const struct zombie_parent *z;
	struct room room;
	double growth_per_s; /* 0: none seen */
	double left_ns;      /* until the pids are gone, 0: never */
};

static void nearer(struct room *r, double limit, double used, const char *what)
{
	if (limit <= 0 || (r->limit > 0 && limit - used >= r->limit - r->used))
		return;
	*r = (struct room){ limit, used, what };
}

/* Of pid_max, threads-max and the parent's control group the one with least left. */
static struct room room_of(struct judgement *j, const struct model *m, uint64_t pid)
{
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);
	const struct loadavg *load = frame_row(m->now, TABLE_loadavg);
	const struct process_facts *p = process_find(m->process, pid);
	const struct cgroup *g = p && p->cgroup ? table_find(frame_table(m->now, TABLE_cgroup),
							  hash_fnv64(p->cgroup, strlen(p->cgroup)))
						: NULL;
	struct room r = { 0 };

	if (s && load && row_has(load->has, LOADAVG_tasks)) {
		if (row_has(s->has, SYSCTL_kernel_pid_max))
			nearer(&r, (double)s->kernel_pid_max, (double)load->tasks,
				"kernel.pid_max");
		if (row_has(s->has, SYSCTL_kernel_threads_max))
			nearer(&r, (double)s->kernel_threads_max, (double)load->tasks,
				"kernel.threads-max");
	}
	if (g && row_has(g->has, CGROUP_pids) && row_has(g->has, CGROUP_pids_max))
		nearer(&r, (double)g->pids_max, (double)g->pids,
			judge_text(j, "pids.max of %s", p->cgroup));
	return r;
}

static struct facts facts_of(
	struct judgement *j, const struct model *m, const struct zombie_parent *z)
{
	struct facts f = { .z = z, .room = room_of(j, m, z->pid) };
	double seconds = (double)m->zombies->elapsed_ns / 1e9;
	uint64_t fresh = z->zombies - z->settled;

	/* Of a parent that reaps any the others may only not have had their turn. */
	if (seconds > 0 && z->settled > 0 && z->reaped == 0 && fresh >= GROWTH_MIN)
		f.growth_per_s = (double)fresh / seconds;
	if (f.growth_per_s > 0 && f.room.limit > f.room.used)
		f.left_ns = (f.room.limit - f.room.used) / f.growth_per_s * 1e9;
	return f;
}

static bool large(const struct facts *f)
{
	return f->room.limit > 0 && (double)f->z->zombies >= LIMIT_RATIO * f->room.limit &&
	       f->z->zombies >= MANY;
}

static bool soon(const struct facts *f)
{
	return f->left_ns > 0 && f->left_ns < SOON_NS;
}

static bool sad(const struct model *m, const struct facts *f)
{
	uint64_t stay = f->z->settled;

	/* From one frame: if the oldest was started long ago, most were not made just now. */
	if (m->zombies->elapsed_ns == 0) {
		const struct table *t = frame_table(m->now, TABLE_process);
		uint64_t recent_ns = (uint64_t)RECENT_S * 1000000000u;

		stay = t->taken_ns > f->z->oldest_start_ns + recent_ns ? f->z->zombies : 0;
	}
	return stay >= MANY || (soon(f) && stay > 0) || (large(f) && stay > 0);
}

static enum severity grade(const struct facts *f)
{
	if (f->left_ns > 0 && f->left_ns < HOUR_NS)
		return SEVERITY_CRITICAL;
	return large(f) || soon(f) ? SEVERITY_WARNING : SEVERITY_INFO;
}

static const char *cause_of(struct judgement *j, const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);
	const char *who = process_label(j, m, pid);

	if (!p)
		return "their parent is in another pid namespace or was not read";
	if (p->state == 'T' || p->state == 't')
		return judge_text(j,
			"%s is stopped (a signal or a debugger), so it waits for "
			"nobody; they go when it goes on",
			who);
	if (p->state == 'D')
		return judge_text(j,
			"%s is in uninterruptible sleep, so it waits for nobody: see io.stuck",
			who);
	if (pid == 1)
		return judge_text(j,
			"process 1 inherits every orphan and must wait for it; %s does not: it is "
			"no init",
			who);
	return judge_text(j,
		"%s starts children and does not wait for them: no wait() in its SIGCHLD handler, "
		"a thread that should do it hangs, or it is a container's first process without "
		"being made for that",
		who);
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *f, uint64_t pid)
{
	unsigned long long id = pid;

	finding_todo(f, judge_text(j, "see them:  ps --ppid %llu -o pid,stat,etime,comm", id));
	finding_todo(f, judge_text(j, "remind it, which harms nobody:  kill -CHLD %llu", id));
	/* SIGTERM is no restart of an init, and with process 1 all of its container ends. */
	if (pid == 1)
		finding_todo(f, "a zombie cannot be killed, it goes with its parent, here with the "
				"whole container or machine: start that anew in a quiet hour");
	else
		finding_todo(
			f, judge_text(j, "a zombie cannot be killed, it goes with its parent:  %s",
				   restart_command(j, m, pid)));
	finding_todo(f, "in a container let an init be process 1: docker run --init, tini, "
			"shareProcessNamespace");
	finding_todo(f, "in the program: waitpid(-1, ..., WNOHANG) in a loop for each SIGCHLD, or "
			"ignore SIGCHLD, then there are no zombies");
}

static void report(struct judgement *j, const struct model *m, const struct facts *x)
{
	const struct zombie_parent *z = x->z;
	const struct table *t = frame_table(m->now, TABLE_process);
	struct reading none = reading_none(STATE_ABSENT);
	struct finding *f = judge_finding(
		j, grade(x), m->zombies->elapsed_ns ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
	struct entity e = entity_process(j, m, z->pid);

	finding_culprit(f, e);
	f->share = x->room.limit > 0 ? (double)z->zombies / x->room.limit : 0;
	finding_evidence(f, "zombies.of_parent", UNIT_COUNT, reading_of((double)z->zombies),
		"/proc/PID/stat", reading_of(MANY), MANY_WHY);
	if (m->zombies->elapsed_ns)
		finding_evidence(f, "zombies.settled", UNIT_COUNT, reading_of((double)z->settled),
			"/proc/PID/stat", none, "were dead when the look began and still are");
	finding_evidence(f, "zombies.oldest_age", UNIT_NS,
		reading_of((double)(t->taken_ns - z->oldest_start_ns)), "/proc/PID/stat", none,
		judge_text(j, "since its start: pid %llu", (unsigned long long)z->example));
	if (x->growth_per_s > 0)
		finding_evidence(f, "zombies.growth_per_s", UNIT_PER_S, reading_of(x->growth_per_s),
			"/proc/PID/stat", none, "and none was reaped");
	if (x->room.limit > 0)
		finding_evidence(f, "zombies.of_limit_ratio", UNIT_RATIO, reading_of(f->share),
			x->room.what, reading_of(LIMIT_RATIO), LIMIT_WHY);
	if (x->left_ns > 0)
		finding_evidence_alarm(f, "zombies.exhaustion", UNIT_NS, reading_of(x->left_ns),
			x->room.what, ALARM_BELOW, reading_of(SOON_NS), SOON_WHY);
	f->title = judge_text(j, "%s has left %s zombies%s: it does not wait for children that end",
		process_label(j, m, z->pid), human_number((double)z->zombies).s,
		x->growth_per_s > 0 ? ", more by the second" : "");
	f->cause = cause_of(j, m, z->pid);
	add_todo(j, m, f, z->pid);
	f->refuted_if = "they are gone a minute later without anybody's doing";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	enum verdict verdict = VERDICT_FINE;

	for (size_t i = 0; i < m->zombies->n; i++) {
		struct facts f = facts_of(j, m, &m->zombies->row[i]);

		if (!sad(m, &f))
			continue;
		report(j, m, &f);
		verdict = VERDICT_SAD;
	}
	return verdict;
}

const struct check check_proc_zombies = {
	.id = "proc.zombies",
	.question = "Does a parent leave its dead children unburied?",
	.explains = { "proc.pid-limit" },
	.needs = { { .table = TABLE_process, .rate = true },
		{ .table = TABLE_sysctl, .optional = true },
		{ .table = TABLE_loadavg, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_cgroup, .optional = true } },
	.models = { MODEL_process, MODEL_zombies },
	.judge = judge,
};
