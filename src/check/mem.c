/* SPDX-License-Identifier: MIT */
#include "check/mem.h"

#include "base/human.h"
#include "check/entity.h"

/* A quarter of the time lost to waiting for memory: requests time out, logins hang. */
#define STALL_CRITICAL_RATIO 0.25

void mem_evidence_available(struct finding *f, const struct model *m)
{
	finding_evidence_alarm(f, "memory.available_ratio", UNIT_RATIO, m->memory->available_ratio,
		"/proc/meminfo", ALARM_BELOW, reading_of(MEMORY_LOW_RATIO),
		"below a tenth, every larger allocation has to reclaim first");
}

void mem_evidence_stall(struct finding *f, const struct model *m)
{
	const struct stall *s = &m->pressure->memory;

	finding_evidence(f,
		reading_ok(s->some) ? "pressure.memory_some_ratio" : "pressure.memory_some_10s",
		UNIT_RATIO, s->some_now, "/proc/pressure/memory", reading_of(MEMORY_STALL_RATIO),
		"share of time in which a task waited for memory; a twentieth is felt");
}

enum severity mem_severity(const struct model *m)
{
	struct reading some = m->pressure->memory.some_now;

	if (m->memory->shortage == SHORTAGE_STALL && reading_ok(some) &&
		some.value >= STALL_CRITICAL_RATIO)
		return SEVERITY_CRITICAL;
	if (m->memory->shortage == SHORTAGE_STALL || m->memory->shortage == SHORTAGE_LOW)
		return SEVERITY_WARNING;
	return SEVERITY_INFO;
}

void mem_culprit_holder(struct judgement *j, struct finding *f, const struct model *m, uint64_t pid,
	uint64_t bytes, const char *what)
{
	struct entity e = entity_process(j, m, pid);

	e.detail = judge_text(j, "%s %s", human_bytes((double)bytes).s, what);
	finding_culprit(f, e);
}
