/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/kernel.h"
#include "model/blocked.h"

/*
 * khungtaskd looks every hung_task_timeout_secs, 120 s unless it was changed, and repeats itself
 * while it may: who was named within two of its rounds, and is not seen to run, still hangs.
 */
#define ROUNDS 2
#define DEFAULT_ROUND_NS 120000000000ull

static uint64_t round_ns(const struct model *m)
{
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);

	if (s && row_has(s->has, SYSCTL_kernel_hung_task_timeout_ns) &&
		s->kernel_hung_task_timeout_ns > 0)
		return s->kernel_hung_task_timeout_ns;
	return DEFAULT_ROUND_NS;
}

/*
 * The same task, by its begin: numbers come again. Main
 * threads, and others as far as they are read.
 */
static const struct blocked_task *blocked_by(const struct model *m, const struct klog_hung *k)
{
	const struct blocked_task *b = blocked_find(m->blocked, k->pid);

	return b && b->start_ns <= k->at_ns ? b : NULL;
}

static bool hangs_still(const struct model *m, const struct klog_hung *k)
{
	if (table_usable(frame_table(m->now, TABLE_process)))
		return blocked_by(m, k) != NULL;
	return m->now->boottime_ns <= k->at_ns + ROUNDS * round_ns(m);
}

static void add(
	struct judgement *j, struct finding *f, const struct model *m, const struct klog_hung *k)
{
	const struct table *t = frame_table(m->now, TABLE_klog_hung);
	const struct blocked_task *b = blocked_by(m, k);
	struct entity e = { .kind = ENTITY_PROCESS,
		.pid = b ? b->pid : k->pid,
		.name = judge_text(j, "%s", b ? b->comm : table_text(t, k->comm)) };

	/* The kernel repeats itself. */
	for (size_t i = 0; i < f->n_victims; i++) {
		if (entity_same(&f->victims[i], &e))
			return;
	}
	if (f->n_victims == ENTITIES_MAX) {
		f->more_victims++;
		return;
	}
	e.detail = judge_text(j, "for more than %s,%s", human_ns((double)k->blocked_ns).s,
		kernel_ago(j, m, k->at_ns));
	finding_victim(f, e);
}

static void finish(struct judgement *j, struct finding *f, const struct model *m,
	const struct klog_hung *last, bool still)
{
	const struct table *t = frame_table(m->now, TABLE_klog_hung);
	const char *who = judge_text(
		j, "%s (pid %llu)", table_text(t, last->comm), (unsigned long long)last->pid);
	uint64_t n = f->n_victims + f->more_victims;

	f->title = judge_text(j, "%s%s hung%s, for more than %s%s: %s", who,
		n > 1 ? judge_text(j, " and %llu more", (unsigned long long)(n - 1)) : "",
		kernel_ago(j, m, last->at_ns), human_ns((double)last->blocked_ns).s,
		n > 1 ? " each" : "",
		still   ? n > 1 ? "they still wait" : "it still waits"
		: n > 1 ? "none does now"
			: "now it does not");
	finding_evidence(f, "klog_hung.blocked_ns", UNIT_NS, reading_of((double)last->blocked_ns),
		"kernel log",
		last->blocked_ns >= round_ns(m) ? reading_of((double)round_ns(m))
						: reading_none(STATE_ABSENT), /* was set since */
		"kernel.hung_task_timeout_secs: the kernel's own complaint");
	finding_evidence_text(f, "process.state",
		still ? "D, uninterruptible" : "not D any more, or gone", "/proc/PID/stat");
	finding_culprit(f, f->victims[0]);
	f->cause = still ? "it sleeps in the kernel and waits for a lock, a device or a server"
			 : "what it waited for came back, or the task was killed";
	finding_todo(f, "read the stacks:  dmesg -T | grep -A25 'blocked for more than'");
	if (still)
		finding_todo(f, judge_text(j, "see where it sleeps now:  cat /proc/%llu/stack",
					(unsigned long long)last->pid));
	f->refuted_if = still ? "its context switches (/proc/PID/status) go on"
			      : "the same task is in D again";
}

/*
 * The last first: it is what somebody still feels. Readers of murphy wait for a dead mount by
 * design.
 */
static bool report(struct judgement *j, const struct model *m, bool still)
{
	const struct table *t = frame_table(m->now, TABLE_klog_hung);
	uint64_t now_ns = m->now->boottime_ns;
	const struct klog_hung *last = NULL;
	struct finding *f = NULL;

	for (size_t i = t->n; i-- > 0;) {
		const struct klog_hung *k = table_at(t, i);
		bool old = row_has(k->has, KLOG_HUNG_at_ns) && now_ns > k->at_ns + KERNEL_DAY_NS;

		if (model_is_ours(table_text(t, k->comm)) || hangs_still(m, k) != still ||
			(old && !still))
			continue;
		if (!f)
			f = judge_finding(
				j, still ? SEVERITY_WARNING : SEVERITY_INFO, CONFIDENCE_CERTAIN);
		f->since_ns = k->at_ns > k->blocked_ns ? k->at_ns - k->blocked_ns : 0;
		add(j, f, m, k);
		last = last ? last : k;
	}
	if (f) {
		finish(j, f, m, last, still);
		f->past = !still && kernel_over(m, last->at_ns);
	}
	return f != NULL;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	bool sad = report(j, m, true);

	sad |= report(j, m, false);
	return sad ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_kernel_hung_task = {
	.id = "kernel.hung-task",
	.question = "Did the kernel complain about a task that hangs?",
	.needs = {
		{ .table = TABLE_klog_hung },
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
		{ .table = TABLE_sysctl, .optional = true },
	},
	.models = { MODEL_blocked },
	.judge = judge,
};
