/* SPDX-License-Identifier: MIT */
#include "base/few.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"

#include <string.h>

/*
 * A group whose page cache fills it to its limit is healthy: each new page pushes out an old one
 * (measured: a file copied in a 100 MiB group hits the limit 27,000 times a second, is stalled for
 * up to 20 % of its first second, and reads nothing back). It is sick when what was pushed out is
 * needed again at once (refaults; measured there 290,000 a second, a copy has 0) and tasks wait.
 */
#define NEAR_RATIO 0.90 /* reclaim frees in batches, so a full group is seen a little below */
#define FULL_RATIO 0.95 /* ... and from here it is told even when nobody waits */
#define HITS_SAD_PER_S 10
/* A page read back costs 0.1 ms (flash) to 10 ms (disk): 5 % of the time at least. */
#define REFAULT_SAD_PER_S 500
/*
 * Waiting that needs no second sign: memory.high makes tasks sleep without any refault, for up to
 * 2 s each time (MEMCG_MAX_HIGH_DELAY_JIFFIES), so that one task makes less than one hit a second.
 * Then the sign is what reclaim cannot take: page cache at memory.high costs its reader next to
 * nothing.
 */
#define STALL_ALONE_RATIO 0.40
#define STALL_CRITICAL_RATIO 0.40
enum { SUSPECTS_MAX = 16, MEMBERS = 3 };

struct suspect {
	const struct cgroup *row;
	const char *path;
	uint64_t limit_bytes; /* that is hit: high where that is lower and hit */
	struct reading used_ratio, hits_per_s, stall; /* stall: its own in v2, the host's in v1 */
	bool own_stall;
	bool high;    /* limit_bytes is memory.high */
	bool waits;   /* sick by limit hits, stall and refaults */
	bool if_firm; /* waits, but only if reclaim cannot take what it holds */
	bool dead;    /* out of memory with the killer off: its tasks sleep for ever */
};

static bool over(struct reading r, double limit)
{
	return reading_ok(r) && r.value >= limit;
}

static void measure(struct suspect *s, const struct model *m)
{
	const struct cgroup *c = s->row;
	struct reading hits = model_rate(m, TABLE_cgroup, c, CGROUP_memory_limit_hits);
	struct reading high = model_rate(m, TABLE_cgroup, c, CGROUP_memory_high_hits);
	struct reading own = model_rate(m, TABLE_cgroup, c, CGROUP_memory_stall_ns);
	bool has_high = row_has(c->has, CGROUP_memory_high_bytes) && c->memory_high_bytes > 0;

	s->limit_bytes = row_has(c->has, CGROUP_memory_max_bytes) ? c->memory_max_bytes : 0;
	s->hits_per_s = hits;
	s->own_stall = reading_ok(own);
	s->stall = s->own_stall ? reading_of(own.value / 1e9) : m->pressure->memory.some_now;
	bool asleep = s->own_stall && over(s->stall, STALL_ALONE_RATIO) &&
		      c->memory_bytes >= c->memory_high_bytes;

	if (has_high && (over(high, 1) || asleep) &&
		(!s->limit_bytes || c->memory_high_bytes < s->limit_bytes)) {
		s->high = true;
		s->limit_bytes = c->memory_high_bytes;
		s->hits_per_s = high;
		s->if_firm = asleep && !over(high, HITS_SAD_PER_S);
	}
	s->used_ratio = ratio_of((double)c->memory_bytes, (double)s->limit_bytes);
	s->dead = row_has(c->has, CGROUP_under_oom) && c->under_oom;
}

static bool waits(const struct suspect *s, const struct model *m)
{
	if (s->if_firm)
		return true;
	/* In version 2 the events of a group count in those above too, hence near its own limit. */
	if (!over(s->used_ratio, NEAR_RATIO) || !over(s->hits_per_s, HITS_SAD_PER_S) ||
		(reading_ok(s->stall) && s->stall.value < MEMORY_STALL_RATIO))
		return false;
	return over(m->memory->refault_pages_per_s, REFAULT_SAD_PER_S) ||
	       (s->own_stall && over(s->stall, STALL_ALONE_RATIO));
}

static size_t find_suspects(const struct model *m, struct suspect *list)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	size_t n = 0;

	for (table_each(const struct cgroup, c, t)) {
		struct suspect s = { .row = c, .path = table_text(t, c->path) };

		measure(&s, m);
		s.waits = waits(&s, m);
		if (n < SUSPECTS_MAX && (s.dead || s.waits || over(s.used_ratio, FULL_RATIO)))
			list[n++] = s;
	}
	return n;
}

/* A suspect below this one waits too: it has the smaller limit, this one only its events. */
static bool only_above(const struct suspect *list, size_t n, const struct suspect *s)
{
	size_t len = strlen(s->path);

	for (size_t i = 0; i < n; i++) {
		if (&list[i] != s && list[i].waits && strncmp(list[i].path, s->path, len) == 0 &&
			list[i].path[len] == '/')
			return true;
	}
	return false;
}

static const struct cgroup_mem *mem_of(const struct model *m, const struct suspect *s)
{
	return table_find(frame_table(m->now, TABLE_cgroup_mem), s->row->id);
}

/* What reclaim cannot take from the group: all but the pages of files. */
static uint64_t firm_bytes(const struct suspect *s, const struct cgroup_mem *cm)
{
	uint64_t soft = cm->inactive_file_bytes + cm->active_file_bytes;

	return s->row->memory_bytes > soft ? s->row->memory_bytes - soft : 0;
}

/* Refaults of the host are this group's only if it ever had as many. */
static bool refaults_elsewhere(const struct model *m, const struct suspect *s)
{
	const struct cgroup_mem *cm = mem_of(m, s);
	const struct reading rate = m->memory->refault_pages_per_s;

	return !s->own_stall && cm && row_has(cm->has, CGROUP_MEM_refault_pages) &&
	       reading_ok(rate) && (double)cm->refault_pages < rate.value / 2;
}

static void add_evidence(struct finding *f, const struct model *m, const struct suspect *s)
{
	const struct cgroup_mem *cm = mem_of(m, s);
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "cgroup.memory_used_ratio", UNIT_RATIO, s->used_ratio,
		"memory.current, memory.usage_in_bytes",
		reading_of(s->waits ? NEAR_RATIO : FULL_RATIO),
		"normal for page cache, so never judged alone");
	finding_evidence(f, "cgroup.memory_limit_hits_per_s", UNIT_PER_S, s->hits_per_s,
		s->high ? "memory.events high" : "memory.events, memory.failcnt",
		reading_of(HITS_SAD_PER_S),
		s->if_firm ? "few, since each is paid for with up to 2 s of sleep"
			   : "allocations that found the group full");
	finding_evidence(f,
		s->own_stall ? "cgroup.memory_stall_ratio" : "pressure.memory_some_ratio",
		UNIT_RATIO, s->stall, s->own_stall ? "memory.pressure" : "/proc/pressure/memory",
		reading_of(MEMORY_STALL_RATIO),
		s->own_stall ? "share of time in which a task of the group waited for memory"
			     : "of the host: version 1 has no pressure of its own");
	finding_evidence(f, "memory.refault_pages_per_s", UNIT_PER_S,
		m->memory->refault_pages_per_s, "/proc/vmstat workingset_refault",
		reading_of(REFAULT_SAD_PER_S), "dropped and needed again; a copied file has none");
	if (!cm)
		return;
	finding_evidence(f, "cgroup_mem.anon_bytes", UNIT_BYTES, reading_of((double)cm->anon_bytes),
		"memory.stat", none, NULL);
	finding_evidence(f, "cgroup_mem.file_bytes", UNIT_BYTES, reading_of((double)cm->file_bytes),
		"memory.stat", none, NULL);
	if (cm->shmem_bytes)
		finding_evidence(f, "cgroup_mem.shmem_bytes", UNIT_BYTES,
			reading_of((double)cm->shmem_bytes), "memory.stat", none,
			"counted as cache, cannot be dropped");
	if (cm->kernel_bytes)
		finding_evidence(f, "cgroup_mem.kernel_bytes", UNIT_BYTES,
			reading_of((double)cm->kernel_bytes), "memory.stat, memory.kmem", none,
			NULL);
}

/* The processes of the group: by cgroup.procs, else by what /proc/PID/cgroup says. */
static bool is_member(const struct model *m, const struct suspect *s, uint64_t pid)
{
	const struct cgroup_member *cm = table_find(frame_table(m->now, TABLE_cgroup_member), pid);
	const struct table *t = frame_table(m->now, TABLE_process_cgroup);
	const struct process_cgroup *pc = cm ? NULL : table_find(t, pid);
	size_t len = strlen(s->path);

	if (cm)
		return cm->cgroup == s->row->id;
	const char *path = pc ? table_text(t, pc->path) : "";

	return pc && len > 1 && strncmp(path, s->path, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

struct member {
	uint64_t pid, bytes;
};

/* Small processes have no row in process_status: what they have swapped out is small too. */
static uint64_t held(const struct model *m, const struct process *p)
{
	const struct process_status *s =
		table_find(frame_table(m->now, TABLE_process_status), p->pid);

	return s ? s->anon_bytes + s->swap_bytes + s->shmem_bytes + s->file_bytes
		 : p->resident_bytes;
}

static size_t find_members(const struct model *m, const struct suspect *s, struct member *top)
{
	const struct table *t = frame_table(m->now, TABLE_process);
	size_t n = 0;

	if (!table_usable(t))
		return 0;
	for (table_each(const struct process, p, t)) {
		struct member one = { p->pid, held(m, p) };

		if (one.bytes == 0 || !is_member(m, s, p->pid))
			continue;
		size_t at = n;

		while (at > 0 && top[at - 1].bytes < one.bytes)
			at--;
		if (few_open(top, sizeof(one), &n, MEMBERS, at))
			top[at] = one;
	}
	return n;
}

static const char *cause(struct judgement *j, const struct model *m, const struct suspect *s,
	const struct member *top)
{
	const struct cgroup_mem *cm = mem_of(m, s);
	const char *what = "what it holds could not be read";

	if (cm)
		what = judge_text(j, "it holds %s anonymous, %s of files, %s shared memory",
			human_bytes((double)cm->anon_bytes).s,
			human_bytes((double)(cm->file_bytes - (cm->shmem_bytes < cm->file_bytes
									      ? cm->shmem_bytes
									      : cm->file_bytes)))
				.s,
			human_bytes((double)cm->shmem_bytes).s);
	if (top)
		what = judge_text(j, "%s; the largest is %s with %s", what,
			process_label(j, m, top->pid), human_bytes((double)top->bytes).s);
	if (s->dead)
		return judge_text(j,
			"the group is out of memory, its OOM killer is off "
			"(memory.oom_control), so its tasks sleep until memory comes; %s",
			what);
	if (s->waits && s->if_firm)
		return judge_text(j,
			"above its memory.high of %s the kernel makes its tasks sleep, and reclaim "
			"cannot take what they hold; %s",
			human_bytes((double)s->limit_bytes).s, what);
	if (s->waits)
		return judge_text(j,
			"what its processes use does not fit below the limit of %s, so pages are "
			"dropped and needed again; %s",
			human_bytes((double)s->limit_bytes).s, what);
	return judge_text(j,
		"almost nothing of it is cache that could be dropped: growth ends in %s; %s",
		s->high ? "sleep" : "an OOM kill", what);
}

static const char *title(struct judgement *j, const struct suspect *s)
{
	const char *limit = human_bytes((double)s->limit_bytes).s;

	limit = judge_text(j, "%s", limit);
	if (s->dead)
		return judge_text(j, "%s is out of memory (%s) and stopped: its OOM killer is off",
			s->path, limit);
	if (s->waits && !reading_ok(s->stall))
		return judge_text(j, "%s needs more than its limit of %s", s->path, limit);
	if (s->waits)
		return judge_text(j,
			"%s needs more than its limit of %s: waits for memory %s of the time",
			s->path, limit, human_ratio(s->stall.value).s);
	return judge_text(j, "%s is %s full (%s), and little of it is cache", s->path,
		human_ratio(s->used_ratio.value).s, limit);
}

static void advise(struct judgement *j, struct finding *f, const struct suspect *s)
{
	bool v2 = s->row->version == 2;
	/* The kernel refuses a limit above that of memory and swap: mm/memcontrol-v1.c. */
	bool memsw = !v2 && row_has(s->row->has, CGROUP_swap_bytes);
	const char *dir = judge_text(j, "/sys/fs/cgroup%s%s", v2 ? "" : "/memory", s->path);

	finding_todo(f, judge_text(j, "see what it holds:  cat %s",
				shell_word(j, judge_text(j, "%s/memory.stat", dir))));
	if (s->waits && v2)
		finding_todo(f, judge_text(j, "watch it wait:  cat %s",
					shell_word(j, judge_text(j, "%s/memory.pressure", dir))));
	finding_todo(f, "give its processes less to do, or restart the one that has grown");
	finding_todo(f, judge_text(j,
				"raise the limit while the host has memory, here to twice%s:  "
				"echo %llu > %s",
				memsw ? " (memory.memsw.limit_in_bytes first, where that is "
					"lower)"
				      : "",
				(unsigned long long)s->limit_bytes * 2,
				shell_word(j, judge_text(j, "%s/%s", dir,
						      s->high ? "memory.high"
						      : v2    ? "memory.max"
							      : "memory.limit_in_bytes"))));
	f->refuted_if = s->waits ? "with twice the limit its tasks wait as long as before"
				 : "its memory.stat shows that most of it is inactive_file";
}

static enum severity grade(const struct suspect *s)
{
	if (s->dead || (s->waits && s->stall.value >= STALL_CRITICAL_RATIO))
		return SEVERITY_CRITICAL;
	return s->waits ? SEVERITY_WARNING : SEVERITY_INFO;
}

static enum confidence trust(const struct model *m, const struct suspect *s)
{
	if (s->dead || !s->waits || s->own_stall)
		return CONFIDENCE_CERTAIN;
	if (!reading_ok(s->stall))
		return CONFIDENCE_POSSIBLE;
	/* The host's own shortage makes the same stalls and refaults. */
	return m->memory->shortage == SHORTAGE_NONE ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
}

static void report(struct judgement *j, const struct model *m, const struct suspect *s)
{
	struct member top[MEMBERS];
	size_t n = find_members(m, s, top);
	struct finding *f = judge_finding(j, grade(s), trust(m, s));

	f->share = s->waits ? s->stall.value : 0;
	f->title = title(j, s);
	add_evidence(f, m, s);
	finding_culprit(f, entity_cgroup(j, s->path));
	for (size_t i = 0; i < n; i++)
		mem_culprit_holder(j, f, m, top[i].pid, top[i].bytes, "resident and swapped");
	f->cause = cause(j, m, s, n > 0 ? &top[0] : NULL);
	advise(j, f, s);
}

/* Full of what cannot be dropped, by memory.stat; of a group that only has page cache nothing. */
static bool firm(const struct model *m, const struct suspect *s)
{
	const struct cgroup_mem *cm = mem_of(m, s);

	return cm && (double)firm_bytes(s, cm) >= (double)s->limit_bytes * NEAR_RATIO;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct suspect list[SUSPECTS_MAX];
	size_t n = find_suspects(m, list);
	bool all = true, sad = false;

	for (size_t i = 0; i < n; i++) {
		all &= judge_ask(j, m, TABLE_cgroup_mem, list[i].row->id);
		all &= judge_ask(j, m, TABLE_cgroup_member, list[i].row->id);
	}
	if (!all)
		return VERDICT_ASK;
	for (size_t i = 0; i < n; i++) {
		struct suspect *s = &list[i];

		if (s->waits && (only_above(list, n, s) || refaults_elsewhere(m, s) ||
					(s->if_firm && !firm(m, s))))
			s->waits = false;
		if (!s->dead && !s->waits && (!over(s->used_ratio, FULL_RATIO) || !firm(m, s)))
			continue;
		report(j, m, s);
		sad = true;
	}
	if (sad)
		return VERDICT_SAD;
	if (model_elapsed_ns(m, TABLE_cgroup) == 0)
		return judge_unknown_why(
			j, STATE_ABSENT, "limits hit are counted: needs two readings");
	return VERDICT_FINE;
}

const struct check check_mem_cgroup = {
	.id = "mem.cgroup",
	.question = "Does a control group need more memory than its limit?",
	/* Reclaim and refaults burn the CPU time of the very processes that thrash. */
	.explains = { "mem.pressure", "mem.swap", "cpu.saturated" },
	.needs = {
		{ .table = TABLE_cgroup, .rate = true },
		{ .table = TABLE_meminfo, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_vmstat, .rate = true },
		{ .table = TABLE_cgroup_mem, .ask = true },
		{ .table = TABLE_cgroup_member, .ask = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
	},
	.models = { MODEL_pressure, MODEL_memory },
	.judge = judge,
};
