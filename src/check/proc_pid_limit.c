/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/crowd.h"

#include <string.h>

/*
 * Every thread takes a pid. At pid_max, threads-max, a control group's pids.max or a user's
 * RLIMIT_NPROC clone() fails with EAGAIN (kernel/fork.c, copy_process()): no login, no new
 * connection for servers that fork, no thread for a pool that grows.
 */
#define NEAR_RATIO 0.90
#define NEAR_WHY "what is left is gone with the next burst"
#define AT_RATIO 0.98
#define AT_WHY "fork and pthread_create fail now, or with the next few"
#define HITS_WHY "forks that failed in the look"
/* Of a limit of a million even 2 % are a reserve. */
enum { FEW_LEFT = 1024 };
/* Smaller ones are put there on purpose, to forbid children. */
enum { SMALLEST_GROUP = 16, SMALLEST_USER = 64 };
enum { CULPRITS_SHOWN = 3, SUSPECTS_MAX = 16 };

struct suspect {
	const struct cgroup *row;
	const char *path;
	double hits; /* in the look */
	bool asked;
};

static bool at_limit(double used, double limit)
{
	return used >= AT_RATIO * limit && limit - used <= FEW_LEFT;
}

static void add_use(struct finding *f, const char *metric, const char *limit_metric, double used,
	double limit, const char *source, const char *limit_source)
{
	bool at = at_limit(used, limit);

	finding_evidence(f, metric, UNIT_COUNT, reading_of(used), source,
		reading_of((at ? AT_RATIO : NEAR_RATIO) * limit), at ? AT_WHY : NEAR_WHY);
	finding_evidence(f, limit_metric, UNIT_COUNT, reading_of(limit), limit_source,
		reading_none(STATE_ABSENT), NULL);
	f->share = limit > 0 ? used / limit : 0;
}

static void add_crowd(struct judgement *j, const struct model *m, struct finding *f,
	const struct crowd *top, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct entity e = entity_process(j, m, top[i].pid);

		if (i > 0 && top[i].threads < top[0].threads / 2)
			break;
		e.detail = top[i].processes > 1 ? judge_text(j, "%llu of that name, %llu threads",
							  (unsigned long long)top[i].processes,
							  (unsigned long long)top[i].threads)
						: judge_text(j, "%llu threads",
							  (unsigned long long)top[i].threads);
		finding_culprit(f, e);
	}
}

static const char *crowd_cause(
	struct judgement *j, const struct model *m, const struct crowd *top, size_t n)
{
	if (n == 0)
		return "who holds them could not be read";
	if (top->processes > 1)
		return judge_text(j,
			"%llu processes named %s hold %llu of them: children that do not end, "
			"a server without a bound on its workers, or one that forks for ever",
			(unsigned long long)top->processes, top->comm,
			(unsigned long long)top->threads);
	return judge_text(j,
		"%s has %llu threads: a pool without a bound, or threads that wait for something "
		"that does not come",
		process_label(j, m, top->pid), (unsigned long long)top->threads);
}

static void add_look(struct judgement *j, struct finding *f, const struct crowd *top, size_t n)
{
	finding_todo(f, "who has how many:  ps -eLo comm= | sort | uniq -c | sort -n | tail");
	if (n > 0 && top->processes == 1)
		finding_todo(f, judge_text(j,
					"what its threads wait for:  cat "
					"/proc/%llu/task/*/wchan | tr '\\0' '\\n' | sort | uniq -c",
					(unsigned long long)top->pid));
}

/*
 * Since 6.14 each pid namespace has a pid_max of its own, and /proc/loadavg still counts the whole
 * machine: of a container, which shows no kernel threads, the two do not belong together.
 */
static bool sees_host(const struct model *m)
{
	for (size_t i = 0; m->process && i < m->process->n; i++) {
		if (m->process->row[i].kthread)
			return true;
	}
	return !m->process || m->process->n == 0;
}

/* The host's own limits. */
static bool judge_host(const struct model *m, struct judgement *j)
{
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);
	const struct loadavg *load = frame_row(m->now, TABLE_loadavg);
	struct crowd top[CULPRITS_SHOWN];

	if (!s || !load || !row_has(load->has, LOADAVG_tasks))
		return false;
	bool pids = row_has(s->has, SYSCTL_kernel_pid_max) && sees_host(m);
	bool threads = row_has(s->has, SYSCTL_kernel_threads_max);
	double pid_max = pids ? (double)s->kernel_pid_max : 0;
	double limit = threads && (!pids || (double)s->kernel_threads_max < pid_max)
			       ? (double)s->kernel_threads_max
			       : pid_max;
	double used = (double)load->tasks;
	bool by_pids = limit == pid_max;

	if (limit <= 0 || used < NEAR_RATIO * limit)
		return false;
	size_t n = crowd_top(m->process, NULL, NULL, &j->arena, top, ARRAY_SIZE(top));
	struct finding *f = judge_finding(j,
		at_limit(used, limit) ? SEVERITY_CRITICAL : SEVERITY_WARNING, CONFIDENCE_CERTAIN);

	add_use(f, "loadavg.tasks", by_pids ? "sysctl.kernel_pid_max" : "sysctl.kernel_threads_max",
		used, limit, "/proc/loadavg", by_pids ? "kernel.pid_max" : "kernel.threads-max");
	add_crowd(j, m, f, top, n);
	if (n == 0)
		finding_culprit(f, entity_host());
	f->title = judge_text(j, "The host has %s of %s %s", human_number(used).s,
		human_number(limit).s, by_pids ? "process ids in use" : "threads");
	f->cause = crowd_cause(j, m, top, n);
	add_look(j, f, top, n);
	if (by_pids && pid_max < 4194304)
		finding_todo(f, "gain room at once:  sysctl -w kernel.pid_max=4194304");
	else if (!by_pids)
		finding_todo(
			f, judge_text(j, "gain room at once:  sysctl -w kernel.threads-max=%.0f",
				   2 * limit));
	if (n > 0)
		finding_todo(
			f, judge_text(j, "if it runs away:  %s", restart_command(j, m, top->pid)));
	f->refuted_if = "the number stays where it is under full load, and nothing else is to grow";
	return true;
}

static bool group_near(const struct cgroup *g)
{
	return row_has(g->has, CGROUP_pids) && row_has(g->has, CGROUP_pids_max) &&
	       g->pids_max >= SMALLEST_GROUP && (double)g->pids >= NEAR_RATIO * (double)g->pids_max;
}

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && path[len] == '/';
}

/*
 * Groups near their limit or with failed forks. Before 6.12 version 2 counts a failure in the group
 * that forked, whichever group above it was full: that one is the culprit then.
 */
static size_t find_groups(const struct model *m, struct suspect *list)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	size_t n = 0;

	for (table_each(struct cgroup, g, table_usable(t) ? t : NULL)) {
		struct reading hits = model_delta(m, TABLE_cgroup, g, CGROUP_pids_limit_hits);
		bool hit = reading_ok(hits) && hits.value > 0;

		if (n == SUSPECTS_MAX || (!group_near(g) && !hit))
			continue;
		list[n++] = (struct suspect){
			.row = g, .path = table_text(t, g->path), .hits = hit ? hits.value : 0
		};
	}
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n && !group_near(list[i].row); k++) {
			if (group_near(list[k].row) && is_below(list[i].path, list[k].path)) {
				list[k].hits += list[i].hits;
				list[i].hits = 0;
			}
		}
	}
	return n;
}

static bool group_sad(const struct suspect *s)
{
	if (s->row->pids_max < SMALLEST_GROUP && row_has(s->row->has, CGROUP_pids_max))
		return false;
	return s->hits > 0 || group_near(s->row);
}

struct members {
	const struct model *m;
	const struct suspect *s;
};

static bool is_member(const struct process_facts *p, const void *arg)
{
	const struct members *who = arg;
	const struct cgroup_member *cm =
		table_find(frame_table(who->m->now, TABLE_cgroup_member), p->pid);

	if (cm && cm->cgroup == who->s->row->id)
		return true;
	return p->cgroup &&
	       (strcmp(p->cgroup, who->s->path) == 0 || is_below(p->cgroup, who->s->path));
}

static void group_todo(struct judgement *j, struct finding *f, const struct suspect *s)
{
	const char *dir =
		judge_text(j, "/sys/fs/cgroup%s%s", s->row->version == 2 ? "" : "/pids", s->path);

	finding_todo(f, judge_text(j, "watch it:  cat %s %s",
				shell_word(j, judge_text(j, "%s/pids.current", dir)),
				shell_word(j, judge_text(j, "%s/pids.events", dir))));
	if (row_has(s->row->has, CGROUP_pids_max))
		finding_todo(f, judge_text(j, "gain room at once:  echo %llu > %s",
					(unsigned long long)s->row->pids_max * 2,
					shell_word(j, judge_text(j, "%s/pids.max", dir))));
	finding_todo(f,
		"keep it: TasksMax= in the unit, --pids-limit of the container, podPidsLimit "
		"of the kubelet");
}

static void report_group(struct judgement *j, const struct model *m, const struct suspect *s)
{
	struct members who = { m, s };
	struct crowd top[CULPRITS_SHOWN];
	size_t n = crowd_top(m->process, is_member, &who, &j->arena, top, ARRAY_SIZE(top));
	struct finding *f = judge_finding(
		j, s->hits > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	const struct cgroup *g = s->row;

	finding_culprit(f, entity_cgroup(j, s->path));
	add_crowd(j, m, f, top, n);
	if (s->hits > 0)
		finding_evidence(f, "cgroup.pids_limit_hits", UNIT_COUNT, reading_of(s->hits),
			"pids.events max", reading_of(1), HITS_WHY);
	if (row_has(g->has, CGROUP_pids) && row_has(g->has, CGROUP_pids_max))
		add_use(f, "cgroup.pids", "cgroup.pids_max", (double)g->pids, (double)g->pids_max,
			"pids.current", "pids.max");
	if (s->hits > 0)
		f->title = judge_text(j, "%s forks failed in %s: its limit is %s tasks",
			human_number(s->hits).s, s->path,
			row_has(g->has, CGROUP_pids_max)
				? judge_text(j, "%llu", (unsigned long long)g->pids_max)
				: "set above it, to some");
	else
		f->title = judge_text(j, "%s has %llu of the %llu tasks that it may have", s->path,
			(unsigned long long)g->pids, (unsigned long long)g->pids_max);
	f->cause = crowd_cause(j, m, top, n);
	add_look(j, f, top, n);
	group_todo(j, f, s);
	f->refuted_if = "it is a pool of fixed size, made to fill its group, and pids.events does "
			"not move";
}

/* An ancestor that is near only because of a group below it is not told again. */
static bool told_below(const struct suspect *list, size_t n, const struct suspect *s)
{
	for (size_t i = 0; i < n; i++) {
		if (&list[i] != s && s->hits == 0 && group_sad(&list[i]) &&
			is_below(list[i].path, s->path))
			return true;
	}
	return false;
}

static bool judge_groups(
	const struct model *m, struct judgement *j, const struct suspect *list, size_t n)
{
	bool sad = false;

	for (size_t i = 0; i < n; i++) {
		if (!group_sad(&list[i]) || told_below(list, n, &list[i]))
			continue;
		report_group(j, m, &list[i]);
		sad = true;
	}
	return sad;
}

static void report_user(struct judgement *j, const struct model *m, const struct user_tasks *u)
{
	double used = (double)u->threads, limit = (double)u->limit;
	struct finding *f = judge_finding(
		j, at_limit(used, limit) ? SEVERITY_CRITICAL : SEVERITY_WARNING, CONFIDENCE_LIKELY);
	struct entity e = entity_process(j, m, u->pid);
	unsigned long long pid = u->pid, uid = u->uid;

	e.detail = judge_text(j, "its limit counts; user %llu has %llu process%s", uid,
		(unsigned long long)u->processes, u->processes == 1 ? "" : "es");
	finding_culprit(f, e);
	add_use(f, "user_tasks.threads", "user_tasks.limit", used, limit, "owners of /proc/PID",
		judge_text(j, "/proc/%llu/limits", pid));
	f->title = judge_text(j,
		"User %llu has %llu of the %llu processes and threads that %s may "
		"have",
		uid, (unsigned long long)u->threads, (unsigned long long)u->limit,
		process_label(j, m, u->pid));
	f->cause = judge_text(j,
		"RLIMIT_NPROC counts all threads of user %llu on this machine, those in other "
		"containers and sessions too, against the limit of the process that forks",
		uid);
	finding_todo(f, judge_text(j,
				"who has how many:  ps -LU %llu -o comm= | sort | uniq -c | sort "
				"-n | tail",
				uid));
	finding_todo(f, judge_text(j, "gain room at once:  prlimit --pid %llu --nproc=%llu:", pid,
				(unsigned long long)u->limit * 2));
	finding_todo(f,
		"keep it: LimitNPROC= in the unit, nproc in /etc/security/limits.d, ulimits "
		"of the container; or a user of its own for each service");
	f->refuted_if =
		"the process has CAP_SYS_RESOURCE or CAP_SYS_ADMIN: then the limit does not "
		"bind it";
}

static bool judge_users(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_user_tasks);
	bool sad = false;

	for (table_each(struct user_tasks, u, table_usable(t) ? t : NULL)) {
		if (!row_has(u->has, USER_TASKS_limit) || u->uid == 0 || u->limit < SMALLEST_USER ||
			(double)u->threads < NEAR_RATIO * (double)u->limit)
			continue;
		report_user(j, m, u);
		sad = true;
	}
	return sad;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct suspect list[SUSPECTS_MAX];
	size_t n = find_groups(m, list);
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		if (group_sad(&list[i]))
			all &= judge_ask(j, m, TABLE_cgroup_member, list[i].row->id);
	}
	if (!all)
		return VERDICT_ASK;
	bool sad = judge_host(m, j);

	sad |= judge_groups(m, j, list, n);
	sad |= judge_users(m, j);
	return sad ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_proc_pid_limit = {
	.id = "proc.pid-limit",
	.question = "Are process ids, or somebody's share of them, about to run out?",
	.explains = { "tcp.listen-overflow" },
	.needs = { { .table = TABLE_loadavg }, { .table = TABLE_sysctl },
		{ .table = TABLE_cgroup, .rate = true, .optional = true },
		{ .table = TABLE_cgroup_member, .ask = true },
		{ .table = TABLE_user_tasks, .optional = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
