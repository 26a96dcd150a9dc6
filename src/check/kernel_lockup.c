/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"

/*
 * A virtual machine that is paused (live migration, snapshot) wakes up to one complaint of each
 * watchdog of each CPU, all within a minute, and is well: that is info there. Twice in an hour is
 * no accident anywhere.
 */
#define AGAIN 2
#define PAUSE_NS (60ull * 1000000000u)

enum { SOFT, HARD, STALL, WORKQUEUE, KINDS };
static const char *const kinds[] = { KLOG_SOFT_LOCKUP, KLOG_HARD_LOCKUP, KLOG_RCU_STALL,
	KLOG_WORKQUEUE, NULL };
static const char *const words[] = { "soft lockup", "hard lockup", "RCU stall",
	"work queue lockup" };

/* All of one machine is one story: one CPU holds up the others. */
static const char *one_name(
	struct judgement *j UNUSED, const struct model *m UNUSED, const char *name UNUSED)
{
	return "";
}

static bool is_virtual(const struct model *m)
{
	const struct host_row *h = frame_row(m->now, TABLE_host);

	return h && row_has(h->has, HOST_hypervisor) && h->hypervisor;
}

/* The CPU complained in the same way in a row before e, of another task. */
static bool again(const struct table *t, const struct klog_event *e, uint64_t begin)
{
	for (const struct klog_event *o = t->row; o < e; o++) {
		if (row_has(o->has, KLOG_EVENT_cpu) && o->kind == e->kind && o->cpu == e->cpu &&
			o->last_ns >= begin)
			return true;
	}
	return false;
}

/* All that the last hour has came at once, and no CPU complained twice in the same way. */
static bool one_pause(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_klog_event);
	uint64_t begin =
		m->now->boottime_ns > KERNEL_HOUR_NS ? m->now->boottime_ns - KERNEL_HOUR_NS : 0;
	uint64_t first = UINT64_MAX, last = 0;

	for (table_each(const struct klog_event, e, t)) {
		if (kernel_kind(t, e, kinds) < 0 || e->last_ns < begin)
			continue;
		/*
		 * A stall whose CPU is not told may be of
		 * several; each CPU has several work queues.
		 */
		if (row_has(e->has, KLOG_EVENT_cpu) && kernel_kind(t, e, kinds) != WORKQUEUE &&
			(e->n >= AGAIN || again(t, e, begin)))
			return false;
		first = e->first_ns < first ? e->first_ns : first;
		last = e->last_ns > last ? e->last_ns : last;
	}
	return last <= first || last - first <= PAUSE_NS;
}

/* False: too old for a word. */
static bool grade(const struct model *m, const struct kernel_thing *one, enum severity *ret)
{
	bool alone = is_virtual(m) && one_pause(m) && one->of[HARD].hour == 0;

	*ret = SEVERITY_INFO;
	if (one->all.hour > 0 && !alone)
		*ret = one->of[HARD].hour > 0 || one->of[SOFT].hour > AGAIN ? SEVERITY_CRITICAL
									    : SEVERITY_WARNING;
	return one->all.day > 0 || one->last_ns == 0;
}

/* Of the last day; without a time it counts as such. */
static bool recent(const struct model *m, const struct klog_event *e)
{
	return !row_has(e->has, KLOG_EVENT_last_ns) ||
	       m->now->boottime_ns < e->last_ns + KERNEL_DAY_NS;
}

/* "CPU 3, 5" of the last day, at most 8. */
static const char *cpus_of(struct judgement *j, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_klog_event);
	const char *text = "";
	uint64_t seen[8];
	size_t n = 0;

	for (table_each(const struct klog_event, e, t)) {
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= seen[i] == e->cpu;
		if (kernel_kind(t, e, kinds) < 0 || known || !recent(m, e) ||
			n == ARRAY_SIZE(seen) || !row_has(e->has, KLOG_EVENT_cpu))
			continue;
		seen[n++] = e->cpu;
		text = judge_text(
			j, "%s%s%llu", text, n > 1 ? ", " : "CPU ", (unsigned long long)e->cpu);
	}
	return text;
}

/* Tasks that held a CPU, the last first. */
static void add_tasks(struct judgement *j, struct finding *f, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_klog_event);

	for (size_t i = t->n; i-- > 0;) {
		const struct klog_event *e = table_at(t, i);

		if (kernel_kind(t, e, kinds) == SOFT && e->comm && recent(m, e))
			finding_culprit(
				f, (struct entity){ .kind = ENTITY_PROCESS,
					   .pid = e->pid,
					   .name = judge_text(j, "%s", table_text(t, e->comm)),
					   .detail = judge_text(j, "held CPU %llu",
						   (unsigned long long)e->cpu) });
	}
}

static const char *cause(const struct model *m, const struct kernel_thing *one)
{
	if (is_virtual(m))
		return "the hypervisor did not let the virtual CPU run (overcommitted, paused, "
		       "migrated), or the kernel looped";
	if (one->of[HARD].n)
		return "a CPU took no interrupts: a bug of the kernel or firmware, or hardware "
		       "that fails";
	return "the kernel was busy on a CPU and did not let go: a driver, a huge list, a flood of "
	       "interrupts, a console that is slow";
}

static void report(struct judgement *j, const struct model *m, const struct kernel_thing *one,
	enum severity severity)
{
	struct finding *f = judge_finding(j, severity, CONFIDENCE_CERTAIN);
	const char *cpus = cpus_of(j, m), *what = "";
	uint64_t n = one->all.day ? one->all.day : one->all.n;

	for (size_t i = 0; i < KINDS; i++) {
		if (one->of[i].n == 0)
			continue;
		what = judge_text(j, "%s%s%s", what, what[0] ? ", " : "", words[i]);
		kernel_evidence(j, f, kinds[i], &one->of[i], 1, "none is normal");
	}
	f->title = judge_text(j, "%s%s%s: %llu time%s%s%s", what, cpus[0] ? " on " : "", cpus,
		(unsigned long long)n, n == 1 ? "" : "s", one->all.day ? " in a day" : "",
		kernel_last(j, m, one->last_ns));
	f->since_ns = one->first_ns;
	f->past = kernel_over(m, one->last_ns);
	finding_culprit(f, entity_host());
	add_tasks(j, f, m);
	f->cause = cause(m, one);
	finding_todo(f, "read what the CPU did:  dmesg -T | grep -E -A25 'lockup|LOCKUP|stall'");
	finding_todo(
		f, "see whether the hypervisor takes the CPU away (%steal):  mpstat -P ALL 1 5");
	finding_todo(f, "look for an update of the kernel and of the driver in the stack");
	f->refuted_if = "a pause of the virtual machine (migration, snapshot) at that very minute";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct kernel_things things;
	enum severity severity;

	kernel_fold(j, m, kinds, one_name, &things);
	if (things.n == 0 || !grade(m, &things.at[0], &severity))
		return kernel_verdict(j, &things, false);
	report(j, m, &things.at[0], severity);
	return VERDICT_SAD;
}

const struct check check_kernel_lockup = {
	.id = "kernel.lockup",
	.question = "Did a CPU lock up?",
	.explains = { "kernel.hung-task", "cpu.saturated" },
	.needs = {
		{ .table = TABLE_klog_event },
		{ .table = TABLE_host, .optional = true },
	},
	.judge = judge,
};
