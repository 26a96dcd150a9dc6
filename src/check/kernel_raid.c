/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "check/kernel.h"
#include "model/disks.h"

#include <string.h>

static const char *const kinds[] = { KLOG_RAID, NULL };

static bool broken(const struct table *t, const struct md *a)
{
	return strcmp(table_text(t, a->state), "broken") == 0 ||
	       (row_has(a->has, MD_working) && a->working == 0);
}

/*
 * A mirror of three and more that still has two copies is not one failure from its end: appliances
 * make them over all bays on purpose.
 */
static enum severity grade(const struct table *t, const struct md *a)
{
	const char *level = table_text(t, a->level);
	uint64_t missing = a->members - a->working, may = disks_may_lose(level, a->members);

	if (broken(t, a) || missing > may)
		return SEVERITY_CRITICAL;
	if (strcmp(level, "raid1") == 0 && a->working >= 2 && a->failed == 0)
		return SEVERITY_INFO;
	return SEVERITY_WARNING;
}

static void add_culprits(
	struct judgement *j, struct finding *f, const struct model *m, const struct md *a)
{
	const struct table *t = frame_table(m->now, TABLE_md);
	const struct table *mounts = frame_table(m->now, TABLE_mount);
	const char *name = table_text(t, a->name), *failed = table_text(t, a->failed_devices);
	uint8_t *rest = m->disks && m->disks->n > 0 ? arena_new(&j->arena, m->disks->n) : NULL;
	struct cursor c = cursor_span(span_of(failed));
	struct span word;

	finding_culprit(f, kernel_device(j, name));
	while (cursor_word(&c, &word))
		finding_culprit(f, kernel_device(j, judge_text(j, "%.*s", (int)word.len, word.at)));
	if (!table_usable(mounts) || !rest)
		return;
	disks_rest(m->disks, name, rest);
	for (table_each(const struct mount, mt, mounts)) {
		const struct disk_load *d =
			disks_mounted(m->disks, mt->dev, table_text(mounts, mt->source));

		if (d && rest[d - m->disks->disk] != REST_NOT)
			finding_victim(f, (struct entity){ .kind = ENTITY_MOUNT,
						  .name = judge_text(j, "%s",
							  table_text(mounts, mt->target)) });
	}
}

static void add_evidence(struct judgement *j, struct finding *f, const struct table *t,
	const struct md *a, const struct kernel_thing *log)
{
	const char *failed = table_text(t, a->failed_devices), *action = table_text(t, a->action);

	finding_evidence_alarm(f, "md.working", UNIT_COUNT, reading_of((double)a->working),
		"/proc/mdstat", ALARM_BELOW, reading_of((double)a->members),
		"members that it should have");
	if (failed[0])
		finding_evidence_text(
			f, "md.failed_devices", judge_text(j, "%s", failed), "/proc/mdstat");
	if (action[0])
		finding_evidence_text(f, "md.action", judge_text(j, "%s", action), "/proc/mdstat");
	if (row_has(a->has, MD_done_ratio))
		finding_evidence(f, "md.done_ratio", UNIT_RATIO, reading_of(a->done_ratio),
			"/proc/mdstat", reading_none(STATE_ABSENT), NULL);
	if (log)
		kernel_evidence(j, f, KLOG_RAID, &log->of[0], 1, "a member was given up");
}

static void report(struct judgement *j, const struct model *m, const struct md *a,
	const struct kernel_thing *log)
{
	const struct table *t = frame_table(m->now, TABLE_md);
	const char *name = judge_text(j, "%s", table_text(t, a->name));
	const char *level = table_text(t, a->level), *failed = table_text(t, a->failed_devices);
	bool recovers = strcmp(table_text(t, a->action), "recovery") == 0;
	enum severity severity = grade(t, a);
	struct finding *f = judge_finding(j, severity, CONFIDENCE_CERTAIN);
	uint64_t missing = a->members > a->working ? a->members - a->working : 0;

	if (severity == SEVERITY_CRITICAL)
		f->title = judge_text(j,
			"%s (%s) has lost more members than it can: %llu of %llu work", name, level,
			(unsigned long long)a->working, (unsigned long long)a->members);
	else
		f->title = judge_text(j, "%s (%s) is degraded: %llu of %llu members work%s", name,
			level, (unsigned long long)a->working, (unsigned long long)a->members,
			recovers ? ", a spare is being filled" : "");
	f->share = a->members ? (double)missing / (double)a->members : 0;
	f->since_ns = log ? log->last_ns : 0;
	add_evidence(j, f, t, a, log);
	add_culprits(j, f, m, a);
	f->cause = failed[0] ? judge_text(j, "%s failed and was taken out", failed)
			     : "a member is missing: it failed, was pulled, or was never there";
	finding_todo(f, judge_text(j, "see which:  mdadm --detail /dev/%s", name));
	if (failed[0])
		finding_todo(f, "ask the drive:  smartctl -a /dev/DEVICE");
	finding_todo(f, "make sure that the backup is whole, before anything else");
	if (!recovers)
		finding_todo(
			f, judge_text(j, "put a sound one in:  mdadm /dev/%s --add /dev/DEVICE",
				   name));
	f->refuted_if =
		"mdadm --detail says that the array was made with a member missing, on purpose";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_md);
	struct kernel_things things;
	bool sad = false;

	/* No such file: no arrays, and that is known. */
	if (!table_usable(t))
		return t && t->state == STATE_ABSENT ? VERDICT_FINE : judge_unknown(j, m, TABLE_md);
	kernel_fold(j, m, kinds, NULL, &things);
	for (table_each(const struct md, a, t)) {
		bool degraded = row_has(a->has, MD_working) && a->working < a->members;

		if (!degraded && !broken(t, a))
			continue;
		report(j, m, a, kernel_named(&things, table_text(t, a->name)));
		sad = true;
	}
	return sad ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_kernel_raid = {
	.id = "kernel.raid",
	.question = "Has a software RAID array lost a member?",
	.explains = { "kernel.read-only", "io.saturated", "io.stuck" },
	.needs = {
		{ .table = TABLE_md, .optional = true },
		{ .table = TABLE_klog_event, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
	},
	.models = { MODEL_disks },
	.judge = judge,
};
