/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"

/*
 * Little available memory alone harms nobody: a database may want it so. It is a finding when tasks
 * wait for memory at the same time (MEMORY_STALL_RATIO), critical when they do so for a quarter of
 * the time, or when for a tenth of it nothing at all could run.
 */
#define STALL_CRITICAL_RATIO 0.25
#define FULL_CRITICAL_RATIO 0.10
/*
 * Kernels without PSI: reclaim by the allocating task itself, and pages read back soon after they
 * were dropped. A page costs 0.1 ms (flash) to 10 ms (disk), so 500/s is 5 % of the time at least.
 */
#define DIRECT_SAD_PER_S 50
#define REFAULT_SAD_PER_S 500

/* How we know that somebody waits, if somebody does. */
enum proof { PROOF_NONE, PROOF_STALL, PROOF_RECLAIM };

static bool over(struct reading r, double limit)
{
	return reading_ok(r) && r.value >= limit;
}

static enum proof find_proof(const struct model *m)
{
	const struct memory_model *mm = m->memory;
	const struct stall *s = &m->pressure->memory;

	if (reading_ok(s->some_now))
		return s->some_now.value >= MEMORY_STALL_RATIO ? PROOF_STALL : PROOF_NONE;
	if (over(mm->direct_reclaims_per_s, DIRECT_SAD_PER_S) &&
		over(mm->refault_pages_per_s, REFAULT_SAD_PER_S))
		return PROOF_RECLAIM;
	return PROOF_NONE;
}

/* Memory is there, so what they wait for is narrower than the host. */
static bool ample(const struct model *m)
{
	return over(m->memory->available_ratio, MEMORY_AMPLE_RATIO);
}

static enum severity grade(const struct model *m, enum proof proof)
{
	const struct stall *s = &m->pressure->memory;

	/*
	 * Reclaim inside a control group counts as the host's stall, also the harmless one of a
	 * file copied in a small container. mem.cgroup tells which it is; direct reclaim of the
	 * whole machine would show here.
	 */
	if (ample(m) && !over(m->memory->direct_reclaims_per_s, DIRECT_SAD_PER_S))
		return SEVERITY_INFO;
	if (proof == PROOF_STALL && !ample(m) &&
		(s->some_now.value >= STALL_CRITICAL_RATIO || over(s->full, FULL_CRITICAL_RATIO)))
		return SEVERITY_CRITICAL;
	return SEVERITY_WARNING;
}

static enum confidence trust(const struct model *m, enum proof proof)
{
	if (proof == PROOF_RECLAIM)
		return CONFIDENCE_POSSIBLE;
	/* The kernel measured the wait itself; that the host is short is the second signal. */
	return !ample(m) && reading_ok(m->memory->available_ratio) ? CONFIDENCE_CERTAIN
								   : CONFIDENCE_LIKELY;
}

static void add_evidence(struct finding *f, const struct model *m)
{
	const struct memory_model *mm = m->memory;

	mem_evidence_stall(f, m);
	finding_evidence(f, "pressure.memory_full_ratio", UNIT_RATIO, m->pressure->memory.full,
		"/proc/pressure/memory", reading_of(FULL_CRITICAL_RATIO),
		"share of time in which every task that could run waited for memory");
	mem_evidence_available(f, m);
	finding_evidence(f, "memory.direct_reclaims_per_s", UNIT_PER_S, mm->direct_reclaims_per_s,
		"/proc/vmstat allocstall", reading_of(DIRECT_SAD_PER_S),
		"allocations of the host that had to free pages themselves");
	finding_evidence(f, "memory.refault_pages_per_s", UNIT_PER_S, mm->refault_pages_per_s,
		"/proc/vmstat workingset_refault", reading_of(REFAULT_SAD_PER_S),
		"pages needed again soon after they were dropped");
	if (reading_ok(mm->swap_used_ratio))
		finding_evidence(f, "memory.swap_in_pages_per_s", UNIT_PER_S,
			mm->swap_in_pages_per_s, "/proc/vmstat pswpin", reading_none(STATE_ABSENT),
			NULL);
}

/* What takes the memory, in words. */
static const char *cause(struct judgement *j, const struct model *m)
{
	const struct memory_model *mm = m->memory;
	const struct memory_holder *top = mm->n_private > 0 ? &mm->by_private[0] : NULL;

	if (ample(m))
		return judge_text(j,
			"%s of memory are available, so the wait is for something narrower: a "
			"control group's limit, a NUMA node or zone, or unfragmented blocks",
			human_bytes(mm->available_bytes.value).s);
	if (!top)
		return judge_text(j, "applications hold %s, the kernel's slab %s, shared memory %s",
			human_bytes((double)mm->applications_bytes).s,
			human_bytes((double)mm->slab_bytes).s,
			human_bytes((double)mm->shmem_bytes).s);
	return judge_text(j,
		"applications hold %s of %s; the largest is %s with %s; slab %s, shared memory %s",
		human_bytes((double)mm->applications_bytes).s,
		human_bytes((double)mm->total_bytes).s, process_label(j, m, top->pid),
		human_bytes((double)top->private_bytes).s, human_bytes((double)mm->slab_bytes).s,
		human_bytes((double)mm->shmem_bytes).s);
}

static void add_culprits(struct judgement *j, struct finding *f, const struct model *m)
{
	const struct memory_model *mm = m->memory;

	/* The host first: which process is the largest may change, what is wrong does not. */
	finding_culprit(f, entity_host());
	if (ample(m))
		return;
	for (size_t i = 0; i < mm->n_private; i++)
		mem_culprit_holder(j, f, m, mm->by_private[i].pid, mm->by_private[i].private_bytes,
			"anonymous and swapped");
}

static void report(struct judgement *j, const struct model *m, enum proof proof)
{
	const struct memory_model *mm = m->memory;
	const struct stall *s = &m->pressure->memory;
	struct finding *f = judge_finding(j, grade(m, proof), trust(m, proof));

	f->share = proof == PROOF_STALL ? s->some_now.value : 0;
	if (proof == PROOF_STALL)
		f->title = judge_text(j, "Tasks wait for memory %s of the time, %s available",
			human_ratio(s->some_now.value).s, human_bytes(mm->available_bytes.value).s);
	else
		f->title = judge_text(j,
			"Memory is reclaimed in a hurry: %s allocations a second free pages "
			"themselves, %s pages are read back",
			human_count(mm->direct_reclaims_per_s.value).s,
			human_count(mm->refault_pages_per_s.value).s);
	add_evidence(f, m);
	add_culprits(j, f, m);
	f->cause = cause(j, m);
	finding_todo(f, "see who holds memory:  ps -eo pid,rss,comm --sort=-rss | head");
	finding_todo(f, "see whether it goes on:  cat /proc/pressure/memory; vmstat 1 5");
	if (!ample(m))
		finding_todo(f, "give the largest less to do, or restart it when it has grown; "
				"else add memory or swap");
	f->refuted_if = "the totals in /proc/pressure/memory stand still over the next minute";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	enum proof proof = find_proof(m);

	if (proof != PROOF_NONE) {
		report(j, m, proof);
		return VERDICT_SAD;
	}
	if (!reading_ok(m->pressure->memory.some_now) &&
		(!reading_ok(m->memory->direct_reclaims_per_s) ||
			!reading_ok(m->memory->refault_pages_per_s)))
		return judge_unknown_why(j,
			m->pressure->state == STATE_OK ? STATE_ABSENT : m->pressure->state,
			"neither /proc/pressure/memory nor two readings of /proc/vmstat");
	return VERDICT_FINE;
}

const struct check check_mem_pressure = {
	.id = "mem.pressure",
	.question = "Do tasks wait because memory is short?",
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
	},
	.models = { MODEL_pressure, MODEL_memory },
	.judge = judge,
};
