/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"

/*
 * One crash is a bug that somebody met; five of one program within the hour is a service that dies
 * and is started again, or a request that kills a worker each time.
 */
#define STORM 5

static const char *const kinds[] = { KLOG_SEGFAULT, NULL };

static void report(struct judgement *j, const struct model *m, const struct kernel_thing *one,
	uint64_t left_out)
{
	bool now = one->all.hour >= STORM;
	struct finding *f =
		judge_finding(j, now ? SEVERITY_WARNING : SEVERITY_INFO, CONFIDENCE_CERTAIN);
	const char *comm = judge_text(j, "%s", one->name);

	f->title = judge_text(j, "%s crashed %llu times in %s, the last%s", comm,
		(unsigned long long)(now ? one->all.hour : one->all.day), now ? "an hour" : "a day",
		kernel_ago(j, m, one->last_ns));
	f->since_ns = one->first_ns;
	f->past = kernel_over(m, one->last_ns);
	kernel_evidence(j, f, KLOG_SEGFAULT, &one->all, STORM,
		"fewer is a bug that somebody met, more a service that does not stay up");
	if (left_out)
		finding_evidence(f, "klog_event.suppressed_last_day", UNIT_COUNT,
			reading_of((double)left_out), "kernel log", reading_none(STATE_ABSENT),
			"lines that the kernel left out, of whatever program");
	finding_culprit(f,
		(struct entity){ .kind = ENTITY_PROCESS,
			.pid = one->pid,
			.name = comm,
			.detail = one->all.what[0] ? judge_text(j, "%s", one->all.what) : NULL });
	f->cause = judge_text(j, "%s: a bug, a library that does not fit, damaged memory or files",
		one->all.what[0] ? one->all.what : "a fault");
	finding_todo(f, judge_text(j, "see whether it is one place:  dmesg -T | grep -F -- %s",
				shell_word(j, judge_text(j, "%s[", comm))));
	finding_todo(f, judge_text(j, "read the core:  coredumpctl info %s", shell_word(j, comm)));
	finding_todo(
		f, "see what was upgraded before the first one: the header of murphy's report");
	f->refuted_if =
		"the addresses differ each time, and so do the programs: then suspect memory";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct kernel_things things;
	bool sad = false;

	kernel_fold(j, m, kinds, NULL, &things);
	/* Lines that the kernel left out name nobody. */
	const struct kernel_thing *nobody = kernel_named(&things, "");

	for (size_t i = 0; i < things.n; i++) {
		const struct kernel_thing *one = &things.at[i];

		if (one->name[0] == '\0' || one->all.day < STORM)
			continue;
		report(j, m, one, nobody ? nobody->all.day : 0);
		sad = true;
	}
	return kernel_verdict(j, &things, sad);
}

const struct check check_kernel_segfaults = {
	.id = "kernel.segfaults",
	.question = "Does a program crash again and again?",
	.explains = { "proc.restarting", "units.failed" },
	.needs = {
		{ .table = TABLE_klog_event },
	},
	.judge = judge,
};
