/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/cpu.h"
#include "model/process.h"

/*
 * Stolen time: a virtual CPU had work and the hypervisor ran somebody else. It is of the time that
 * all virtual CPUs had, and an idle one cannot be robbed: what counts is its share of the time in
 * which they wanted to run.
 */
#define STEAL_SAD_RATIO 0.10
#define STEAL_SAD_WHY "every tenth moment the host gave to others: latencies show it"
#define STEAL_INFO_RATIO 0.02
#define STEAL_INFO_WHY "neighbours are felt, work is not yet late"
/* With next to nothing to run a share of it is noise. */
#define WORK_RATIO 0.05

enum { VICTIMS_SHOWN = 4 };
#define VICTIM_CPU_RATIO 0.10

static void add_victims(struct judgement *j, const struct model *m, struct finding *f)
{
	for (size_t i = 0, n = 0; m->process && i < m->process->n && n < VICTIMS_SHOWN; i++) {
		const struct process_facts *p = &m->process->row[i];

		if (p->kthread || !reading_ok(p->cpu_ratio) ||
			p->cpu_ratio.value < VICTIM_CPU_RATIO)
			continue;
		finding_victim(f, entity_process(j, m, p->pid));
		n++;
	}
}

static void report(struct judgement *j, const struct model *m, struct reading steal)
{
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);

	add_victims(j, m, f);
	/* A machine with little to do loses half of it and nobody is late. */
	bool sad = steal.value >= STEAL_SAD_RATIO && f->n_victims > 0;

	if (sad)
		f->severity = SEVERITY_WARNING;
	finding_evidence(f, "cpu.steal_of_wanted_ratio", UNIT_RATIO, steal, "/proc/stat",
		reading_of(sad ? STEAL_SAD_RATIO : STEAL_INFO_RATIO),
		sad ? STEAL_SAD_WHY : STEAL_INFO_WHY);
	finding_evidence(f, "cpu.steal_ratio", UNIT_RATIO, m->cpu->steal, "/proc/stat",
		reading_none(STATE_ABSENT), "as top and vmstat count: idle time included");
	finding_culprit(f, entity_host());
	f->share = steal.value;
	f->aside = !sad; /* a few percent do not make a queue */
	f->title =
		judge_text(j, "The hypervisor took %s of the CPU time that this machine asked for",
			human_ratio(steal.value).s);
	f->cause = "the physical host is oversubscribed, or this machine is over its own CPU quota "
		   "there (burstable instances without credits look the same)";
	finding_todo(f, "see whether it lasts (column st):  vmstat 5");
	finding_todo(f, "look at the provider's CPU credits and limits of this instance");
	finding_todo(f, "move it: stop and start it so that it lands on another host, or take "
			"dedicated CPUs (downtime; local disks and its address may be lost)");
	finding_todo(f, "until then fewer runnable threads than virtual CPUs: a stolen lock holder "
			"stops all who wait for it");
	f->refuted_if = "st stays below 2 over some minutes of the same load";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	if (!m->cpu || !reading_ok(m->cpu->busy))
		return judge_unknown(j, m, TABLE_cpu);
	if (!reading_ok(m->cpu->steal))
		return judge_unknown_why(j, STATE_ABSENT, "this kernel does not count stolen time");
	double wanted = m->cpu->busy.value + m->cpu->steal.value;
	struct reading steal = ratio_of(m->cpu->steal.value, wanted);

	if (wanted < WORK_RATIO || steal.value < STEAL_INFO_RATIO)
		return VERDICT_FINE;
	report(j, m, steal);
	return VERDICT_SAD;
}

const struct check check_cpu_steal = {
	.id = "cpu.steal",
	.question = "Does the hypervisor give this machine's CPU time to others?",
	.explains = { "cpu.saturated", "cpu.throttled" },
	.needs = { { .table = TABLE_cpu, .rate = true } },
	.models = { MODEL_cpu, MODEL_process },
	.judge = judge,
};
