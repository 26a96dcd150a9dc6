/* SPDX-License-Identifier: MIT */
/*
 * OOM kills in the kernel log. One kill is a report of up to thousands of lines, of which these
 * matter (mm/oom_kill.c, mm/memcontrol.c):
 *
 *   COMM invoked oom-killer: gfp_mask=..., order=N, ...                     rate-limited
 *   Task in PATH killed as a result of limit of PATH                        before 4.19
 *   memory: usage NkB, limit NkB, failcnt N
 *   oom-kill:constraint=C,...,oom_memcg=PATH,task_memcg=PATH,task=COMM,pid=N,uid=N   since 4.19
 *   Out of memory: Kill process N (COMM) score N or sacrifice child         before 5.3
 *   [Memory cgroup out|Out] of memory: Killed process N (COMM) total-vm:NkB, anon-rss:NkB, ...
 *   Tasks in PATH are going to be killed due to memory.oom.group set
 *
 * Only "Killed process" is always there: the report above it is left out when kills come fast. comm
 * may hold any byte, so it is searched from the ends.
 */
#include "source/klog_line.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

enum { KIB = 1024 };
#define NS_PER_S 1000000000u
#define NO_ROW SIZE_MAX

/* What the lines before the kill said. */
struct report {
	text_t asked_by, constraint, cgroup, victim_cgroup;
	bool limited, full;
	uint64_t limit_bytes;
};

struct oom_log {
	struct table *t;
	struct report now;
	size_t chosen; /* row of the victim that was named and not killed yet */
	bool child;    /* a child of it may be killed in its place */
	bool group;    /* the whole group of the last victim follows */
	uint64_t group_ns;
};

static bool number_at(struct span s, size_t at, uint64_t *ret_value)
{
	struct cursor c = cursor_span(span_from(s, at));

	return !cursor_end(&c) && *c.at >= '0' && *c.at <= '9' && cursor_u64(&c, ret_value);
}

/* Bytes of "NAME:123kB" in s. */
static bool size_of(struct span s, const char *name, uint64_t *ret_bytes)
{
	size_t at;
	uint64_t kib;

	return span_find(s, name, &at) && number_at(s, at + strlen(name), &kib) &&
	       !__builtin_mul_overflow(kib, KIB, ret_bytes);
}

static int new_row(struct oom_log *o, const struct klog_line *l, const struct report *r)
{
	struct klog_oom *row = table_add(o->t);

	if (!row)
		return -ENOMEM;
	row_put(o->t->schema, row, KLOG_OOM_sequence, l->sequence);
	if (l->timed)
		row_put(o->t->schema, row, KLOG_OOM_at_ns, l->at_ns);
	row->asked_by = r->asked_by;
	row->constraint = r->constraint;
	row->cgroup = r->cgroup;
	row->victim_cgroup = r->victim_cgroup;
	if (r->limited)
		row_put(o->t->schema, row, KLOG_OOM_limit_bytes, r->limit_bytes);
	return 0;
}

static void name_victim(struct oom_log *o, struct klog_oom *row, const struct klog_line *l,
	uint64_t pid, struct span comm)
{
	row_put(o->t->schema, row, KLOG_OOM_pid, pid);
	row->comm = klog_intern(o->t, l, comm);
}

/*
 * "memory: usage NkB, limit NkB, ..." and cgroup v1's "memory+swap:" of the same form, which counts
 * when it is the one that is full.
 */
static void take_limit(struct oom_log *o, struct span s)
{
	uint64_t usage, limit;

	if (!size_of(s, ": usage ", &usage) || !size_of(s, ", limit ", &limit))
		return;
	if (o->now.limited && (o->now.full || usage < limit))
		return;
	o->now.limited = true;
	o->now.full = usage >= limit;
	o->now.limit_bytes = limit;
}

/* Before 4.19: "Task in /a/b killed as a result of limit of /a". */
static void take_old_cgroup(struct oom_log *o, const struct klog_line *l)
{
	static const char middle[] = " killed as a result of limit of ", task[] = "Task in ";
	size_t at;

	if (!span_find_last(l->text, middle, &at))
		return;
	o->now.constraint = table_intern(o->t, "memcg", 5);
	o->now.cgroup = klog_intern(o->t, l, span_from(l->text, at + sizeof(middle) - 1));
	o->now.victim_cgroup =
		klog_intern(o->t, l, span_from(span_upto(l->text, at), sizeof(task) - 1));
}

static text_t constraint_of(struct table *t, struct span s)
{
	static const struct {
		const char *kernel, *name;
	} names[] = {
		{ "CONSTRAINT_NONE,", "none" },
		{ "CONSTRAINT_CPUSET,", "cpuset" },
		{ "CONSTRAINT_MEMORY_POLICY,", "memory_policy" },
		{ "CONSTRAINT_MEMCG,", "memcg" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (span_starts(s, names[i].kernel))
			return table_intern(t, names[i].name, strlen(names[i].name));
	}
	return 0;
}

/* "oom-kill:constraint=...": the summary in one line. */
static int take_summary(struct oom_log *o, const struct klog_line *l)
{
	static const char head[] = "oom-kill:constraint=", memcg[] = ",oom_memcg=",
			  task_memcg[] = ",task_memcg=", task[] = ",task=", pid[] = ",pid=";
	struct span s = span_from(l->text, sizeof(head) - 1);
	size_t at, end, comm;
	uint64_t n;

	if (!span_find_last(s, pid, &end) || !number_at(s, end + sizeof(pid) - 1, &n) ||
		!span_find_last(span_upto(s, end), task, &comm))
		return 0;
	struct span paths = span_upto(s, comm);

	o->now.constraint = constraint_of(o->t, s);
	if (span_find(paths, task_memcg, &at)) {
		o->now.victim_cgroup =
			klog_intern(o->t, l, span_from(paths, at + sizeof(task_memcg) - 1));
		paths = span_upto(paths, at);
	}
	if (span_find(paths, memcg, &at))
		o->now.cgroup = klog_intern(o->t, l, span_from(paths, at + sizeof(memcg) - 1));
	int err = new_row(o, l, &o->now);

	if (err < 0)
		return err;
	o->chosen = o->t->n - 1;
	o->child = false;
	comm += sizeof(task) - 1;
	name_victim(o, table_at(o->t, o->chosen), l, n, span_from(span_upto(s, end), comm));
	return 0;
}

/* "N (COMM) score ..." or "N, UID 27, (COMM) total-vm:..." */
static bool take_victim(struct span s, const char *const *ends, uint64_t *ret_pid,
	struct span *ret_comm, struct span *ret_rest)
{
	size_t open, close;

	if (!number_at(s, 0, ret_pid) || !span_find(s, "(", &open))
		return false;
	for (; *ends && !span_find_last(s, *ends, &close); ends++)
		;
	if (!*ends || close <= open)
		return false;
	*ret_comm = span_from(span_upto(s, close), open + 1);
	*ret_rest = span_from(s, close);
	return true;
}

/* "Kill process N (COMM) score N or sacrifice child": it, or a child of it. */
static int take_choice(struct oom_log *o, const struct klog_line *l, struct span s)
{
	static const char *const ends[] = { ") score ", NULL };
	struct span comm, rest;
	uint64_t pid;

	if (!take_victim(s, ends, &pid, &comm, &rest))
		return 0;
	if (o->chosen == NO_ROW) {
		int err = new_row(o, l, &o->now);

		if (err < 0)
			return err;
		o->chosen = o->t->n - 1;
		name_victim(o, table_at(o->t, o->chosen), l, pid, comm);
	}
	o->child = true;
	return 0;
}

/* The row that a kill belongs to: the victim chosen above, or a new one. */
static struct klog_oom *row_of_kill(
	struct oom_log *o, const struct klog_line *l, uint64_t pid, bool memcg)
{
	struct klog_oom *rows = o->t->row;

	if (o->chosen != NO_ROW && (rows[o->chosen].pid == pid || o->child))
		return &rows[o->chosen];
	bool group = o->group && o->t->n > 0 && (!l->timed || l->at_ns - o->group_ns < NS_PER_S);

	if (group) {
		const struct klog_oom *was = &rows[o->t->n - 1];

		/* The others of a group died for the same reason as the first. */
		o->now = (struct report){ was->asked_by, was->constraint, was->cgroup,
			was->victim_cgroup, row_has(was->has, KLOG_OOM_limit_bytes), true,
			was->limit_bytes };
	}
	if (memcg && !o->now.constraint)
		o->now.constraint = table_intern(o->t, "memcg", 5);
	if (new_row(o, l, &o->now) < 0)
		return NULL;
	return table_at(o->t, o->t->n - 1);
}

/* "Killed process N (COMM) total-vm:NkB, anon-rss:NkB, file-rss:NkB, ..." */
static int take_kill(struct oom_log *o, const struct klog_line *l, struct span s, bool memcg)
{
	static const char *const ends[] = { ") total-vm:", ") vsz:", NULL };
	struct span comm, rest;
	uint64_t pid, bytes;

	if (!take_victim(s, ends, &pid, &comm, &rest))
		return 0;
	struct klog_oom *row = row_of_kill(o, l, pid, memcg);

	if (!row)
		return -ENOMEM;
	name_victim(o, row, l, pid, comm);
	if (size_of(rest, "anon-rss:", &bytes))
		row_put(o->t->schema, row, KLOG_OOM_anon_bytes, bytes);
	if (size_of(rest, "file-rss:", &bytes))
		row_put(o->t->schema, row, KLOG_OOM_file_bytes, bytes);
	if (size_of(rest, "shmem-rss:", &bytes))
		row_put(o->t->schema, row, KLOG_OOM_shmem_bytes, bytes);
	/* A report tells of one kill: the next one without a report is another story. */
	o->now = (struct report){ 0 };
	o->chosen = NO_ROW;
	o->child = false;
	return 0;
}

/* Lines that begin with who ran out of memory. */
static int take_verdict(struct oom_log *o, const struct klog_line *l)
{
	static const char kill[] = "Kill process ", killed[] = "Killed process ";
	bool memcg = span_starts(l->text, "Memory cgroup out of memory");
	size_t at;

	if (span_starts(l->text, killed))
		return take_kill(o, l, span_from(l->text, sizeof(killed) - 1), false);
	/* What stands before it is fixed text, so the first one is the kernel's. */
	if (span_find(l->text, killed, &at))
		return take_kill(o, l, span_from(l->text, at + sizeof(killed) - 1), memcg);
	if (span_find(l->text, kill, &at))
		return take_choice(o, l, span_from(l->text, at + sizeof(kill) - 1));
	return 0;
}

static int take_line(struct oom_log *o, const struct klog_line *l)
{
	struct span s = l->text;
	size_t at;

	if (span_starts(s, "oom-kill:constraint="))
		return take_summary(o, l);
	if (span_starts(s, "Out of memory") || span_starts(s, "Memory cgroup out of memory") ||
		span_starts(s, "Killed process "))
		return take_verdict(o, l);
	if (span_starts(s, "memory: usage ") || span_starts(s, "memory+swap: usage ")) {
		take_limit(o, s);
	} else if (span_starts(s, "Task in ")) {
		take_old_cgroup(o, l);
	} else if (span_starts(s, "Tasks in ") &&
		   span_find_last(s, " are going to be killed due to memory.oom.group", &at)) {
		o->group = true;
		o->group_ns = l->at_ns;
	} else if (span_find_last(s, " invoked oom-killer: gfp_mask=", &at)) {
		o->now = (struct report){ .asked_by = klog_intern(o->t, l, span_upto(s, at)) };
		o->chosen = NO_ROW;
		o->child = o->group = false;
	}
	return 0;
}

static void set_text_bits(struct table *t)
{
	for (table_each(struct klog_oom, row, t)) {
		if (row->constraint)
			row_set(&row->has, KLOG_OOM_constraint);
		/* No group was limited, and that is known: the whole machine. */
		if (row->cgroup ||
			(row->constraint && strcmp(table_text(t, row->constraint), "memcg") != 0))
			row_set(&row->has, KLOG_OOM_cgroup);
		if (row->victim_cgroup)
			row_set(&row->has, KLOG_OOM_victim_cgroup);
		if (row->asked_by)
			row_set(&row->has, KLOG_OOM_asked_by);
		row_set(&row->has, KLOG_OOM_comm);
	}
}

/*
 * Parse the kernel log for OOM kills, a row each. Pure: the fuzzer calls it directly.
 *
 * Shape:  lines as klog_next() reads them; all that is not about OOM kills is skipped.
 * Units:  kB is KiB; times since boot.
 * Errors: -ENOMEM; a log can hold anything, so nothing is malformed.
 * Source: mm/oom_kill.c, dump_header() and __oom_kill_process().
 */
int klog_oom_parse(const char *buf, size_t len, struct table *t)
{
	struct klog_reader r = klog_read(buf, len);
	struct oom_log o = { .t = t, .chosen = NO_ROW };
	struct klog_line line;

	while (klog_next(&r, &line)) {
		int err = take_line(&o, &line);

		if (err < 0)
			return err;
	}
	set_text_bits(t);
	t->lost += r.lost;
	return 0;
}
