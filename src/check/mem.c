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

bool mem_ask_groups(struct judgement *j, const struct model *m, const struct mem_groups *g,
	const size_t *which, size_t n)
{
	bool looked = true;

	for (size_t i = 0; i < n; i++) {
		const struct mem_group *one = &g->group[which[i]];

		for (size_t k = 0; !one->kernel && k < one->processes; k++) {
			looked &= judge_ask(j, m, TABLE_group_share, g->key[one->first + k]);
			looked &= judge_ask(j, m, TABLE_shared_object, g->key[one->first + k]);
			looked &= judge_ask(j, m, TABLE_object_share, g->key[one->first + k]);
		}
	}
	return looked;
}

const struct group_share *mem_share_of(const struct model *m, size_t which)
{
	return table_find(frame_table(m->now, TABLE_group_share), which);
}

static const struct shared_object *object_of(
	const struct table *objects, const struct object_share *x)
{
	for (table_each(const struct shared_object, o, table_usable(objects) ? objects : NULL)) {
		if (o->dev == x->dev && o->inode == x->inode)
			return o;
	}
	return NULL;
}

static const struct shared_object *most_of(const struct model *m, size_t which, bool mapped)
{
	const struct table *objects = frame_table(m->now, TABLE_shared_object);
	const struct table *shares = frame_table(m->now, TABLE_object_share);
	const struct shared_object *most = NULL;
	uint64_t bytes = 0;

	for (table_each(const struct object_share, x, table_usable(shares) ? shares : NULL)) {
		const struct shared_object *o =
			x->group == which && x->processes > 1 ? object_of(objects, x) : NULL;
		uint64_t its = o && mapped ? o->mapped_bytes : x->pss_bytes;

		if (o && its > bytes) {
			most = o;
			bytes = its;
		}
	}
	return most;
}

const struct shared_object *mem_shared_most(const struct model *m, size_t which)
{
	return most_of(m, which, false);
}

const struct shared_object *mem_mapped_most(const struct model *m, size_t which)
{
	return most_of(m, which, true);
}

const char *mem_object_name(
	struct judgement *j, const struct model *m, const struct shared_object *o)
{
	const char *path = table_text(frame_table(m->now, TABLE_shared_object), o->path);

	return *path ? judge_text(j, "%s", path) : "shared memory without a name";
}
