/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"
#include "model/disks.h"

#include <string.h>

static const char *const kinds[] = { KLOG_READ_ONLY, KLOG_MOUNTED, KLOG_FS, NULL };
enum { STOPPED, MOUNTED, DAMAGE };

/* A file system that takes no more writes. */
struct stopped {
	uint64_t dev;
	const char *device; /* "sda1" */
	const struct mount *mount;
	const struct kernel_thing *log; /* NULL: the log does not tell */
};

static const char *device_of(const struct model *m, const struct table *t, const struct mount *mt)
{
	const char *source = table_text(t, mt->source), *slash = strrchr(source, '/');
	const struct disk_load *d = disks_mounted(m->disks, mt->dev, source);

	return d ? d->name : slash ? slash + 1 : source;
}

static const struct kernel_thing *log_of(const struct kernel_things *things, const char *device)
{
	const struct kernel_thing *one = kernel_named(things, device);

	return one && one->of[STOPPED].n > 0 ? one : NULL;
}

/*
 * Somebody asked for it: of one file system a mount is read-only on purpose, so that the others,
 * which may write, only look as if it had turned by itself.
 */
static bool asked_for(const struct table *t, uint64_t dev)
{
	for (table_each(const struct mount, mt, t)) {
		if (mt->dev == dev && mt->read_only && !mt->turned_read_only)
			return true;
	}
	return false;
}

/*
 * When did it last happen that the file system stopped, and that it was mounted? Of a log without
 * times the order tells, which what is folded has not: so ask the table.
 */
static uint64_t last_of(const struct model *m, const char *kind, const char *device)
{
	const struct table *t = frame_table(m->now, TABLE_klog_event);
	uint64_t last = 0;

	if (!table_usable(t))
		return 0;
	for (table_each(const struct klog_event, e, t)) {
		uint64_t at = row_has(e->has, KLOG_EVENT_last_ns) ? e->last_ns : e->sequence;

		if (strcmp(table_text(t, e->kind), kind) == 0 &&
			strcmp(table_text(t, e->device), device) == 0 && at > last)
			last = at;
	}
	return last;
}

/*
 * What mountinfo does not tell: xfs was shut down, or ext4 stopped writing (6.12 to 6.14 leave the
 * mount rw, and so do the stable kernels that got d3476f3dad4a), and was not mounted anew since.
 */
static bool silent(const struct model *m, const struct table *t, const struct mount *mt,
	const struct kernel_things *things)
{
	const char *device = device_of(m, t, mt), *type = table_text(t, mt->fstype);
	bool ext = strncmp(type, "ext", 3) == 0 && !mt->read_only;

	return (ext || strcmp(type, "xfs") == 0) && log_of(things, device) &&
	       last_of(m, KLOG_READ_ONLY, device) > last_of(m, KLOG_MOUNTED, device);
}

static bool told(const struct judgement *j, size_t from, const char *device)
{
	for (size_t i = from; i < j->n_findings; i++) {
		for (size_t k = 0; k < j->finding[i]->n_culprits; k++) {
			const struct entity *e = &j->finding[i]->culprits[k];

			if (e->kind == ENTITY_DEVICE && strcmp(e->name, device) == 0)
				return true;
		}
	}
	return false;
}

static void add_other_mounts(
	struct judgement *j, struct finding *f, const struct table *t, const struct stopped *s)
{
	for (table_each(const struct mount, mt, t)) {
		if (mt != s->mount && mt->dev == s->dev)
			finding_victim(f,
				(struct entity){ .kind = ENTITY_MOUNT,
					.name = judge_text(j, "%s", table_text(t, mt->target)) });
	}
}

static void advise(struct judgement *j, struct finding *f, const char *target, const char *device)
{
	const char *at = shell_word(j, target), *dev = shell_word(j, device);

	finding_todo(f, judge_text(j, "read why:  dmesg -T | grep -F -- %s", dev));
	finding_todo(f, judge_text(j, "see who has it open, and stop them:  fuser -vm %s", at));
	finding_todo(
		f, judge_text(j,
			   "copy what matters away while it can be read:  rsync -a %s/ HOST:DIR/",
			   at));
	finding_todo(
		f, judge_text(j,
			   "check it unmounted, then mount it again:  umount %s && fsck -f /dev/%s",
			   at, dev));
	f->refuted_if = judge_text(j, "a file can be made there:  touch %s/.murphy-test", at);
}

static void report(struct judgement *j, const struct model *m, const struct stopped *s)
{
	const struct table *t = frame_table(m->now, TABLE_mount);
	const char *target = judge_text(j, "%s", table_text(t, s->mount->target));
	const char *type = judge_text(j, "%s", table_text(t, s->mount->fstype));
	struct finding *f =
		judge_finding(j, kernel_removable(target) ? SEVERITY_WARNING : SEVERITY_CRITICAL,
			CONFIDENCE_CERTAIN);
	const struct kernel_thing *log = s->log;

	f->title = judge_text(j,
		"%s (%s on %s) takes no more writes: it turned read-only by itself%s", target, type,
		s->device, log ? kernel_ago(j, m, log->of[STOPPED].last_ns) : "");
	f->since_ns = log ? log->first_ns : 0;
	finding_evidence_text(f, "mount.turned_read_only",
		s->mount->turned_read_only ? "mounted to be written, and takes no writes"
					   : "stopped writing and was not mounted since",
		s->mount->turned_read_only ? "/proc/self/mountinfo" : "kernel log");
	if (log)
		kernel_evidence(j, f, KLOG_READ_ONLY, &log->of[STOPPED], 1, "none is normal");
	if (log && log->of[DAMAGE].n)
		kernel_evidence(j, f, KLOG_FS, &log->of[DAMAGE], 1, "none is normal");
	finding_culprit(f, (struct entity){ .kind = ENTITY_MOUNT, .name = target, .detail = type });
	finding_culprit(f, kernel_device(j, s->device));
	add_other_mounts(j, f, t, s);
	f->cause = judge_text(j, "%s%s%s: it stops writing before it makes the damage worse",
		log && log->of[DAMAGE].n ? "the file system found damage in itself"
					 : "the file system met an error",
		log && log->of[DAMAGE].what[0] ? ", first seen in " : "",
		log ? log->of[DAMAGE].what : "");
	advise(j, f, target, s->device);
}

/* Of today, and writable or not mounted now. */
static bool report_past(struct judgement *j, const struct model *m, const struct kernel_thing *log)
{
	const struct kernel_count *c = &log->of[STOPPED];

	if (c->day == 0)
		return false;
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);

	f->title = judge_text(j,
		"The file system on %s turned read-only%s; it was mounted anew since, or is "
		"not mounted",
		log->name, kernel_ago(j, m, log->of[STOPPED].last_ns));
	f->since_ns = log->first_ns;
	f->past = kernel_over(m, c->last_ns);
	kernel_evidence(j, f, KLOG_READ_ONLY, c, 1, "none is normal");
	finding_culprit(f, kernel_device(j, log->name));
	f->cause = "it met an error and stopped writing; it was mounted anew, or given up";
	finding_todo(f, judge_text(j, "see that it was checked:  dmesg -T | grep -F -- %s",
				shell_word(j, log->name)));
	f->refuted_if = "a check of the file system (fsck -n) finds nothing";
	return true;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_mount);
	size_t from = j->n_findings;
	struct kernel_things things;
	bool sad = false;

	kernel_fold(j, m, kinds, NULL, &things);
	for (table_each(const struct mount, mt, t)) {
		struct stopped s = { .dev = mt->dev, .device = device_of(m, t, mt), .mount = mt };
		bool turned = mt->turned_read_only && !asked_for(t, mt->dev);

		if ((!turned && !silent(m, t, mt, &things)) || told(j, from, s.device))
			continue;
		s.log = log_of(&things, s.device);
		report(j, m, &s);
		sad = true;
	}
	for (size_t i = 0; i < things.n; i++) {
		if (things.at[i].of[STOPPED].n > 0 && !told(j, from, things.at[i].name))
			sad |= report_past(j, m, &things.at[i]);
	}
	return kernel_verdict(j, &things, sad);
}

const struct check check_kernel_read_only = {
	.id = "kernel.read-only",
	.question = "Did a file system stop taking writes by itself?",
	.explains = { "kernel.hung-task", "io.stuck", "units.failed" },
	.needs = {
		{ .table = TABLE_mount },
		{ .table = TABLE_klog_event, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
	},
	.models = { MODEL_disks },
	.judge = judge,
};
