/* SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"
#include "engine/trend.h"
#include "sample/series_kind.h"

#include <math.h>
#include <string.h>

/* Sixty points half a second apart are the least that shows whether growth goes on. */
#define WATCH_LEAST_NS UINT64_C(30000000000)
/* Those of trend_rises(), for those who read the evidence. */
#define TREND_Z 3.09
#define TREND_GROWTH 0.02
/*
 * Over the look. What an allocator takes at a time (an arena's heap, a slab of a runtime) is no
 * leak.
 */
#define RISE_LEAST_BYTES (UINT64_C(1) << 20)
#define HOUR_NS 3.6e12
/*
 * Who looks sees people suffer now or within the hour; in a day nobody comes by himself. But half a
 * minute says nothing of a day: a line is drawn on for sixty times as long as it was seen at most,
 * and who is to act at once has seen a tenth of the way.
 */
#define UNTIL_CRITICAL_NS HOUR_NS
#define UNTIL_WARNING_NS (24 * HOUR_NS)
#define CRITICAL_SPANS 10
#define WARNING_SPANS 60
/* What starts fills up, however short the look; after twenty minutes nothing starts. */
#define YOUNG_NS 1.2e12
/* A number of processes that grows: a pool follows its load by a few, and by less than a tenth. */
#define COUNT_GROWTH 0.10
#define COUNT_RISE_LEAST 8
/* Workers are started one after the other: in a shorter look that is all that was seen. */
#define COUNT_LONG_NS 6e11
/* One or few leak among many of their name: told by pid. More: it is what they all run. */
enum { FEW = 3, SUSPECTS_MAX = 256 };

struct suspect {
	const struct mem_series *of;
	const char *comm;
	struct trend trend;
	double first, last; /* values */
	bool grows, told;
	double bytes_per_ns; /* of all processes of a group together */
};

struct suspects {
	const struct table *series;
	struct suspect at[SUSPECTS_MAX];
	size_t n;
};

/* What there is room for. */
struct room {
	double bytes;
	const char *end; /* "memory is full", "the limit of /app is reached" */
	const char *source;
	bool limit; /* of a control group */
};

/* The points of series s; *at is where they begin, in a table sorted by series. How many. */
static size_t points_of(const struct table *points, const struct mem_series *s, size_t *at,
	struct trend_point ret[TREND_MAX])
{
	size_t n = 0;

	for (; *at < points->n; (*at)++) {
		const struct mem_point *p = table_at(points, *at);

		if (p->series > s->id)
			break;
		if (p->series == s->id && n < TREND_MAX)
			ret[n++] =
				(struct trend_point){ p->tick * s->interval_ns, (double)p->value };
	}
	return n;
}

static bool still_there(const struct model *m, const struct mem_series *s)
{
	const struct process *p = table_find(frame_table(m->now, TABLE_process), s->pid);

	return p && p->start_ns == s->start_ns;
}

static double rise(const struct suspect *s)
{
	return s->trend.slope_per_s * (double)s->trend.window_ns / 1e9;
}

/*
 * It has had as much before, and given it back: a garbage collector whose saw-tooth is longer than
 * the look. What leaks is larger than ever, or nearly so.
 */
static bool had_as_much(const struct suspect *s)
{
	return row_has(s->of->has, MEM_SERIES_peak_rise_bytes) &&
	       (double)s->of->peak_rise_bytes < rise(s) / 2;
}

static bool grows(const struct model *m, const struct suspect *s)
{
	if (!trend_rises(&s->trend) || model_is_ours(s->comm))
		return false;
	if (s->of->kind == SERIES_COUNT)
		return s->trend.growth_ratio >= COUNT_GROWTH && rise(s) >= COUNT_RISE_LEAST;
	if (s->of->kind == SERIES_PROCESS && (!still_there(m, s->of) || had_as_much(s)))
		return false;
	return rise(s) >= (double)RISE_LEAST_BYTES;
}

/*
 * The mean of a group may grow because small ones go: what they have together must grow as well.
 * mean and count are its two series.
 */
static bool sum_grows(const struct trend_point *mean, const struct trend_point *count, size_t n)
{
	struct trend_point sum[TREND_MAX];
	struct trend t;

	for (size_t i = 0; i < n; i++)
		sum[i] = (struct trend_point){ mean[i].at_ns, mean[i].value * count[i].value };
	return trend_of(sum, n, &t) == 0 && t.z > TREND_Z;
}

static void find_suspects(const struct model *m, struct suspects *list)
{
	const struct table *points = frame_table(m->now, TABLE_mem_point);
	struct trend_point p[TREND_MAX], mean[TREND_MAX];
	struct suspect *group = NULL;
	size_t at = 0;

	for (table_each(const struct mem_series, s, list->series)) {
		struct suspect one = { .of = s, .comm = table_text(list->series, s->comm) };
		size_t n = points_of(points, s, &at, p);

		/* Both have a point wherever there was one of that name. */
		if (group && s->kind == SERIES_COUNT && s->comm == group->of->comm)
			group->grows &= n == group->trend.n && sum_grows(mean, p, n);
		group = NULL;
		if (list->n == SUSPECTS_MAX || n == 0 || trend_of(p, n, &one.trend) < 0)
			continue;
		one.first = p[0].value;
		one.last = p[n - 1].value;
		one.grows = grows(m, &one);
		one.bytes_per_ns = one.trend.slope_per_s / 1e9;
		if (s->kind == SERIES_GROUP) {
			one.bytes_per_ns *= (double)s->processes;
			memcpy(mean, p, n * sizeof(mean[0]));
			group = &list->at[list->n];
		}
		list->at[list->n++] = one;
	}
}

static const struct cgroup *group_at(const struct model *m, const char *path, size_t len)
{
	return table_find(frame_table(m->now, TABLE_cgroup), hash_fnv64(path, len));
}

/* The path of its control group; "": none is known. */
static const char *path_of(const struct model *m, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_process_cgroup);
	const struct process_cgroup *pc = pid ? table_find(t, pid) : NULL;

	return pc ? table_text(t, pc->path) : "";
}

/*
 * The group of the first *len bytes of path, or the next above it, that has a limit. *len: where to
 * go on.
 */
static const struct cgroup *limited(const struct model *m, const char *path, size_t *len)
{
	for (; *len > 1; (*len)--) {
		const struct cgroup *c =
			path[*len] == '\0' || path[*len] == '/' ? group_at(m, path, *len) : NULL;

		if (c && row_has(c->has, CGROUP_memory_max_bytes) && c->memory_max_bytes > 0) {
			(*len)--;
			return c;
		}
	}
	return NULL;
}

/* What the limit of c leaves. */
static double left_in(const struct model *m, const struct cgroup *c)
{
	const struct cgroup_mem *cm = table_find(frame_table(m->now, TABLE_cgroup_mem), c->id);
	uint64_t files = cm ? cm->inactive_file_bytes + cm->active_file_bytes : 0;
	uint64_t firm = c->memory_bytes > files ? c->memory_bytes - files : 0;

	return c->memory_max_bytes > firm ? (double)(c->memory_max_bytes - firm) : 0;
}

/* What the host has left, or less: what a limit leaves of the groups that the process is in. */
static struct room room_of(struct judgement *j, const struct model *m, uint64_t pid)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	struct room r = { INFINITY, "memory is full", "/proc/meminfo: MemAvailable and SwapFree",
		false };
	const char *path = path_of(m, pid);
	size_t len = strlen(path);

	if (i && row_has(i->has, MEMINFO_available_bytes))
		r.bytes = (double)i->available_bytes + (double)i->swap_free_bytes;
	for (const struct cgroup *c; (c = limited(m, path, &len)) != NULL;) {
		if (left_in(m, c) < r.bytes)
			r = (struct room){ left_in(m, c),
				judge_text(j, "the limit of %s is reached",
					table_text(frame_table(m->now, TABLE_cgroup), c->path)),
				"memory.max and memory.stat, memory.limit_in_bytes", true };
	}
	return r;
}

static bool is_young(const struct model *m, const struct suspect *s)
{
	double age = (double)m->now->boottime_ns - (double)s->of->start_ns;

	return s->of->kind == SERIES_PROCESS && age < YOUNG_NS;
}

/* Somebody of the group, whose control group stands for that of all. */
static uint64_t member_of(const struct suspects *list, const struct suspect *s)
{
	if (s->of->kind == SERIES_PROCESS)
		return s->of->pid;
	for (size_t i = 0; i < list->n; i++) {
		if (list->at[i].of->kind == SERIES_PROCESS && list->at[i].of->comm == s->of->comm)
			return list->at[i].of->pid;
	}
	return 0;
}

/* Until then it is a warning. */
static double warning_ns(const struct suspect *s)
{
	return fmin(UNTIL_WARNING_NS, WARNING_SPANS * (double)s->trend.window_ns);
}

static double until_ns(const struct suspect *s, const struct room *r)
{
	return s->bytes_per_ns > 0 ? r->bytes / s->bytes_per_ns : INFINITY;
}

static enum severity grade(const struct suspect *s, const struct room *r)
{
	double until = until_ns(s, r), watched = (double)s->trend.window_ns;

	if (until < fmin(UNTIL_CRITICAL_NS, CRITICAL_SPANS * watched))
		return SEVERITY_CRITICAL;
	return until < warning_ns(s) ? SEVERITY_WARNING : SEVERITY_INFO;
}

static void add_evidence(struct finding *f, const struct suspect *s, const struct room *r)
{
	bool count = s->of->kind == SERIES_COUNT;
	double until = until_ns(s, r), hours = HOUR_NS / 1e9;
	enum unit unit = count ? UNIT_COUNT : UNIT_BYTES;
	const char *source = s->of->kind == SERIES_SHARED ? "/proc/meminfo Shmem"
			     : count                      ? "/proc"
				     : "/proc/PID/statm: resident less shared; with swap status: "
				       "RssAnon, VmSwap, VmPTE";
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "leak.growth_per_hour", unit, reading_of(s->trend.slope_per_s * hours),
		source, none, NULL);
	finding_evidence(f, "leak.growth_low_per_hour", unit,
		reading_of(s->trend.slope_low_per_s * hours), source, none,
		"with 95 % it is more than this");
	finding_evidence(f, "leak.growth_high_per_hour", unit,
		reading_of(s->trend.slope_high_per_s * hours), source, none, "and less than this");
	finding_evidence(f, "leak.growth_ratio", UNIT_RATIO, reading_of(s->trend.growth_ratio),
		source, reading_of(count ? COUNT_GROWTH : TREND_GROWTH),
		"over the look, of the median; less is what allocators do");
	finding_evidence(f, "leak.z", UNIT_COUNT, reading_of(s->trend.z), source,
		reading_of(TREND_Z), "Mann-Kendall: of 1000 series without a trend one is above");
	if (reading_ok(s->trend.r5))
		finding_evidence(f, "leak.r5_ratio", UNIT_RATIO, s->trend.r5, source, none,
			"the last value over that five intervals before");
	if (isfinite(until))
		finding_evidence_alarm(f, "leak.exhausted_in_ns", UNIT_NS, reading_of(until),
			r->source, ALARM_BELOW, reading_of(warning_ns(s)),
			"at this pace: a day, or 60 times as long as was watched");
}

static const char *per_hour(struct judgement *j, double bytes_per_ns)
{
	return judge_text(j, "%s an hour", human_bytes(bytes_per_ns * HOUR_NS).s);
}

static const char *when(struct judgement *j, const struct suspect *s, const struct room *r)
{
	double until = until_ns(s, r);

	if (!(until < 30 * UNTIL_WARNING_NS))
		return "";
	return judge_text(j, ": %s in %s", r->end, human_ns(until).s);
}

static void advise_process(
	struct judgement *j, struct finding *f, const struct model *m, uint64_t pid)
{
	finding_todo(f, judge_text(j, "watch it for longer:  murphy --only mem.leak --for 600"));
	finding_todo(
		f, judge_text(j, "see what it has:  murphy mem %llu", (unsigned long long)pid));
	finding_todo(f, "where it keeps a heap profile, take two, some minutes apart, and compare");
	finding_todo(
		f, judge_text(j, "restart it before it is full:  %s", restart_command(j, m, pid)));
}

/*
 * There is little room for what starts: little in the group that it was given, or hardly any on
 * this machine.
 */
static bool is_tight(const struct suspect *s, const struct room *r)
{
	return until_ns(s, r) <
	       (r->limit ? WARNING_SPANS : CRITICAL_SPANS) * (double)s->trend.window_ns;
}

/* False: a young one that does no harm soon, of which nothing is said. */
static bool tell_process(struct judgement *j, const struct model *m, struct suspect *s)
{
	struct room r = room_of(j, m, s->of->pid);
	bool young = is_young(m, s);
	enum severity severity = grade(s, &r);

	if (young && !is_tight(s, &r))
		return false;
	struct finding *f = judge_finding(j, young ? SEVERITY_WARNING : severity,
		young ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY);

	f->share = s->trend.growth_ratio < 1 ? s->trend.growth_ratio : 1;
	f->title = judge_text(j, "%s grows by %s%s", process_label(j, m, s->of->pid),
		per_hour(j, s->bytes_per_ns), when(j, s, &r));
	add_evidence(f, s, &r);
	struct entity e = entity_process(j, m, s->of->pid);

	e.detail = judge_text(j, "%s, was %s", human_bytes(s->last).s, human_bytes(s->first).s);
	finding_culprit(f, e);
	f->cause = judge_text(j,
		"it keeps what it allocates: its own memory rose all through the look, from %s to "
		"%s, not in one step%s",
		human_bytes(s->first).s, human_bytes(s->last).s,
		young ? "; it has started lately and may only be filling up, but there is not "
			"room for much more"
		      : "");
	advise_process(j, f, m, s->of->pid);
	f->refuted_if = "it levels off when it is watched for longer: a cache that fills, or one "
			"large job";
	return true;
}

/* Its largest leakers; they are told with it. */
static void name_members(struct judgement *j, const struct model *m, struct suspects *list,
	const struct suspect *s, struct finding *f)
{
	for (size_t i = 0; i < list->n; i++) {
		struct suspect *one = &list->at[i];

		if (one->of->kind != SERIES_PROCESS || !one->grows || one->of->comm != s->of->comm)
			continue;
		one->told = true;
		struct entity e = entity_process(j, m, one->of->pid);

		e.detail = judge_text(j, "grows by %s", per_hour(j, one->bytes_per_ns));
		finding_culprit(f, e);
	}
}

static void tell_group(
	struct judgement *j, const struct model *m, struct suspects *list, const struct suspect *s)
{
	uint64_t pid = member_of(list, s);
	struct room r = room_of(j, m, pid);
	struct finding *f = judge_finding(j, grade(s, &r), CONFIDENCE_LIKELY);
	unsigned long long n = s->of->processes;

	f->share = s->trend.growth_ratio < 1 ? s->trend.growth_ratio : 1;
	f->title = judge_text(j, "the %llu processes %s grow by %s together%s", n, s->comm,
		per_hour(j, s->bytes_per_ns), when(j, s, &r));
	add_evidence(f, s, &r);
	name_members(j, m, list, s, f);
	f->cause = judge_text(j,
		"not their number grows but what each has: %s on average at first, %s at last",
		human_bytes(s->first).s, human_bytes(s->last).s);
	advise_process(j, f, m, f->culprits[0].pid);
	f->refuted_if = "they level off when they are watched for longer: caches that fill";
}

static void tell_count(
	struct judgement *j, const struct model *m, const struct suspects *list, struct suspect *s)
{
	const struct suspect *mean = s == list->at ? s : s - 1;
	uint64_t pid = member_of(list, s);
	struct room r = room_of(j, m, pid);

	/* The mean stands before it. */
	if (mean->of->kind == SERIES_GROUP && mean->of->comm == s->of->comm)
		s->bytes_per_ns *= mean->last;
	else
		s->bytes_per_ns = 0;
	bool seen_long = (double)s->trend.window_ns >= COUNT_LONG_NS;
	enum severity severity = grade(s, &r);
	struct finding *f = judge_finding(j,
		!seen_long                     ? SEVERITY_INFO
		: severity < SEVERITY_CRITICAL ? severity
					       : SEVERITY_WARNING,
		seen_long ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);

	f->title = judge_text(j, "more and more processes %s: %.0f, then %.0f%s", s->comm, s->first,
		s->last, when(j, s, &r));
	add_evidence(f, s, &r);
	finding_culprit(f, pid ? entity_process(j, m, pid) : entity_host());
	f->cause = "they are started faster than they end; none of them has to grow for that";
	finding_todo(f, judge_text(j, "who starts them:  ps -o ppid= -C %s | sort | uniq -c",
				shell_word(j, s->comm)));
	finding_todo(f, "see what the oldest wait for:  murphy why PID");
	if (!seen_long)
		finding_todo(f, "watch it for longer:  murphy --only mem.leak --for 600");
	f->refuted_if = "they have just been started, or follow a load that rises, and falls";
}

/* Never more than info: the buffers of a database, or files that are copied, fill up like this. */
static void tell_shared(struct judgement *j, const struct model *m, const struct suspect *s)
{
	struct room r = room_of(j, m, 0);
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_POSSIBLE);

	f->title = judge_text(j, "shared memory and tmpfs grow by %s%s",
		per_hour(j, s->bytes_per_ns), when(j, s, &r));
	add_evidence(f, s, &r);
	finding_culprit(f, entity_host());
	f->cause = "files of tmpfs, System V segments or memfds grow: that is nobody's own memory, "
		   "and stays when processes end";
	finding_todo(f, "which object:  murphy mem --shared");
	finding_todo(f, "files:  df -t tmpfs; segments:  ipcs -mu");
	f->refuted_if = "what was copied to tmpfs is complete, and it stays as it is";
}

/* Few of them make most of what the group grows by: they are named one by one. */
static bool is_of_few(const struct suspects *list, const struct suspect *group)
{
	double bytes_per_ns = 0;
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct suspect *s = &list->at[i];

		if (s->of->kind != SERIES_PROCESS || !s->grows || s->of->comm != group->of->comm)
			continue;
		bytes_per_ns += s->bytes_per_ns;
		n++;
	}
	return n > 0 && n <= FEW && bytes_per_ns >= group->bytes_per_ns / 2;
}

/* True when all that is needed was read. */
static bool ask_limits(struct judgement *j, const struct model *m, const struct suspects *list)
{
	bool all = true;

	for (size_t i = 0; i < list->n; i++) {
		const struct suspect *s = &list->at[i];
		const char *path = path_of(m, s->grows ? member_of(list, s) : 0);
		size_t len = strlen(path);

		for (const struct cgroup *c; (c = limited(m, path, &len)) != NULL;)
			all &= judge_ask(j, m, TABLE_cgroup_mem, c->id);
	}
	return all;
}

/* A member that grows and has not started lately: a mean of those that come and go is nobody's. */
static bool has_leaker(const struct model *m, const struct suspects *list, const struct suspect *s)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct suspect *one = &list->at[i];

		if (one->of->kind == SERIES_PROCESS && one->grows && one->of->comm == s->of->comm &&
			!is_young(m, one))
			return true;
	}
	return false;
}

static bool tell(struct judgement *j, const struct model *m, struct suspects *list)
{
	bool sad = false;

	for (size_t i = 0; i < list->n; i++) {
		struct suspect *s = &list->at[i];

		if (!s->grows || s->of->kind == SERIES_PROCESS ||
			(s->of->kind == SERIES_GROUP &&
				(is_of_few(list, s) || !has_leaker(m, list, s))))
			continue;
		if (s->of->kind == SERIES_GROUP)
			tell_group(j, m, list, s);
		else if (s->of->kind == SERIES_COUNT)
			tell_count(j, m, list, s);
		else
			tell_shared(j, m, s);
		sad = true;
	}
	for (size_t i = 0; i < list->n; i++) {
		struct suspect *s = &list->at[i];

		if (!s->grows || s->told || s->of->kind != SERIES_PROCESS)
			continue;
		sad |= tell_process(j, m, s);
	}
	return sad;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct suspects list = { .series = frame_table(m->now, TABLE_mem_series) };

	if (!list.series || list.series->state == STATE_ABSENT)
		return VERDICT_YOUNG;
	if (!table_usable(list.series) || !table_usable(frame_table(m->now, TABLE_mem_point)))
		return judge_unknown(j, m, TABLE_mem_series);
	find_suspects(m, &list);
	if (!ask_limits(j, m, &list))
		return VERDICT_ASK;
	return tell(j, m, &list) ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_mem_leak = {
	.id = "mem.leak",
	.question = "Does the memory of a process or application grow without end?",
	.explains = { "mem.pressure", "mem.swap", "mem.oom", "mem.cgroup" },
	.needs = {
		{ .table = TABLE_mem_series, .optional = true, .for_ns = WATCH_LEAST_NS },
		{ .table = TABLE_mem_point, .optional = true, .for_ns = WATCH_LEAST_NS },
		{ .table = TABLE_process },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_cgroup, .optional = true },
		{ .table = TABLE_meminfo },
		{ .table = TABLE_cgroup_mem, .ask = true },
	},
	.models = { MODEL_process },
	.judge = judge,
};
