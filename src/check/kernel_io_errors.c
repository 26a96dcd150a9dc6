/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"
#include "model/disks.h"

#include <string.h>

/* A command that failed and was tried again with success is a hiccup; three in an hour a trend. */
#define HICCUPS 3
/* Errors of a day ago are over, unless there were many of them. */
#define MANY 10

enum { IO, BUFFER, LOST, DRIVER, FS };
static const char *const kinds[] = { KLOG_IO, KLOG_BUFFER, KLOG_LOST_WRITE, KLOG_DRIVER, KLOG_FS,
	NULL };

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The whole disk of a partition, "nvme0n1" of its controller "nvme0"; else the name itself. */
static const char *disk_of(const struct model *m, const char *name)
{
	const struct disk_load *d = disks_named(m->disks, name);
	const char *best = name;
	size_t len = 0;

	if ((d && !d->partition) || !m->disks)
		return name;
	for (size_t i = 0; i < m->disks->n; i++) {
		const char *whole = m->disks->disk[i].name;

		if (m->disks->disk[i].partition)
			continue;
		if (d && starts(name, whole) && strlen(whole) > len) {
			best = whole;
			len = strlen(whole);
		}
		if (!d && starts(name, "nvme") && starts(whole, name) && whole[strlen(name)] == 'n')
			return whole;
	}
	return best;
}

/* A drive without a medium, or one that a virtual machine has for no reason, fails all the time. */
static const char *name_of(const struct model *m, const char *name)
{
	return starts(name, "fd") || starts(name, "sr") ? NULL : disk_of(m, name);
}

static bool is_on(const struct model *m, const struct mount *mt, const char *disk)
{
	const struct disk_load *d = disks_find(m->disks, mt->dev);

	return d && strcmp(disk_of(m, d->name), disk) == 0;
}

static size_t add_mounts(
	struct judgement *j, struct finding *f, const struct model *m, const char *disk)
{
	const struct table *t = frame_table(m->now, TABLE_mount);
	size_t n = 0;

	if (!table_usable(t))
		return 0;
	for (table_each(const struct mount, mt, t)) {
		if (!is_on(m, mt, disk))
			continue;
		n++;
		if (f)
			finding_victim(f,
				(struct entity){ .kind = ENTITY_MOUNT,
					.name = judge_text(j, "%s", table_text(t, mt->target)),
					.detail = judge_text(j, "%s", table_text(t, mt->fstype)) });
	}
	return n;
}

/* A file system that found damage and stopped writing is kernel.read-only's, unless its disk fails. */
static bool only_read_only(const struct model *m, const struct kernel_thing *one)
{
	static const char *const stopped[] = { KLOG_READ_ONLY, NULL };
	struct kernel_things things;

	if (one->all.n != one->of[FS].n)
		return false;
	kernel_fold(m, stopped, name_of, &things);
	for (size_t i = 0; i < things.n; i++) {
		if (strcmp(things.at[i].name, one->name) == 0)
			return true;
	}
	return false;
}

/* A loop device stays where it is without its file. */
static bool is_gone(const struct model *m, const char *name, size_t mounts)
{
	if (starts(name, "loop") && mounts == 0)
		return true;
	return m->disks && m->disks->state == STATE_OK && !disks_named(m->disks, name) &&
	       !starts(name, "ata");
}

/* False: not worth a word. */
static bool grade(const struct kernel_thing *one, size_t mounts, bool gone, enum severity *ret)
{
	uint64_t hiccups = one->of[DRIVER].hour, hard = one->all.hour - hiccups;
	const char *driver = one->of[DRIVER].what;
	bool lost = one->of[LOST].hour > 0 ||
		    (hiccups > 0 && (strcmp(driver, "removed") == 0 ||
					    strcmp(driver, "controller is down") == 0));

	*ret = SEVERITY_INFO;
	if (one->all.day == 0)
		return !gone && one->last_ns == 0;
	/* Pulled out, and nobody has anything on it. */
	if (gone && mounts == 0)
		return true;
	if (mounts > 0 && lost)
		*ret = SEVERITY_CRITICAL;
	else if (hard > 0 || hiccups >= HICCUPS || one->all.day >= MANY)
		*ret = SEVERITY_WARNING;
	return true;
}

static const char *title(
	struct judgement *j, const struct model *m, const struct kernel_thing *one, bool gone)
{
	uint64_t n = one->all.day ? one->all.day : one->all.n;
	const char *what = one->all.n == one->of[DRIVER].n ? "failed command" : "I/O error";

	if (one->all.n == one->of[FS].n)
		what = "file system error";
	return judge_text(j, "%s%s: %llu %s%s%s, the last%s", one->name, gone ? " (gone now)" : "",
		(unsigned long long)n, what, n == 1 ? "" : "s", one->all.day ? " in a day" : "",
		one->last_ns ? kernel_ago(j, m, one->last_ns) : " at an unknown time");
}

/* The kernel's word for ENOSPC from below: block/blk-core.c, blk_errors[]. */
static bool is_full_below(const struct kernel_thing *one)
{
	return strcmp(one->of[IO].what, "critical space allocation") == 0;
}

static const char *cause(struct judgement *j, const struct kernel_thing *one)
{
	const char *what = one->of[IO].what;

	if (is_full_below(one))
		return "what lies below the device is full: a thin pool, a sparse image, a quota";
	if (strcmp(what, "critical medium") == 0)
		return "the medium itself: the drive could not read what it had written";
	if (one->all.n == one->of[FS].n)
		return "the file system found damage in itself; the device reports no error";
	if (one->all.n == one->of[DRIVER].n)
		return judge_text(j,
			"commands got no good answer (%s) and were tried again: cable, controller, "
			"firmware, or a drive that begins to fail",
			one->of[DRIVER].what);
	return judge_text(j,
		"the device, or what is below it (cable, controller, path, volume), gave requests "
		"back%s%s",
		what[0] ? ": " : "", what);
}

static void report(struct judgement *j, const struct model *m, const struct kernel_thing *one)
{
	static const char *const names[] = { "io", "buffer", "lost_write", "driver", "fs" };
	size_t mounts = add_mounts(j, NULL, m, one->name);
	bool gone = is_gone(m, one->name, mounts);
	enum severity severity;

	if (only_read_only(m, one) || !grade(one, mounts, gone, &severity))
		return;
	struct finding *f = judge_finding(j, severity, CONFIDENCE_CERTAIN);
	const char *disk = shell_word(j, one->name);

	f->title = title(j, m, one, gone);
	f->since_ns = one->first_ns;
	f->past = kernel_over(m, one->last_ns);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (one->of[i].n)
			kernel_evidence(j, f, names[i], &one->of[i], i == DRIVER ? HICCUPS : 1,
				i == DRIVER ? "tried again with success" : "none is normal");
	}
	finding_culprit(f, kernel_device(j, one->name));
	add_mounts(j, f, m, one->name);
	f->cause = cause(j, one);
	finding_todo(f, judge_text(j, "read them all:  dmesg -T | grep -F -- %s", disk));
	if (is_full_below(one))
		finding_todo(
			f, starts(one->name, "loop")
				   ? judge_text(j, "make room below it:  losetup -l /dev/%s; df -h",
					     disk)
				   : "make room below it:  lvs -a");
	else
		finding_todo(f, "make sure that the backup of it is whole, before anything else");
	if (!starts(one->name, "dm-") && !starts(one->name, "loop") && !starts(one->name, "ata"))
		finding_todo(f, judge_text(j, "ask the drive:  smartctl -a /dev/%s", disk));
	finding_todo(f, judge_text(j, "see what is below and above it:  lsblk -s /dev/%s", disk));
	f->refuted_if = "reading the whole device (dd to /dev/null) ends without an error, "
			"and no new line comes";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct kernel_things things;
	size_t before = j->n_findings + j->lost_findings;

	kernel_fold(m, kinds, name_of, &things);
	for (size_t i = 0; i < things.n; i++)
		report(j, m, &things.at[i]);
	return j->n_findings + j->lost_findings > before ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_kernel_io_errors = {
	.id = "kernel.io-errors",
	.question = "Did a disk fail to read or write, or a file system on it find damage?",
	.explains = { "kernel.read-only", "kernel.raid", "io.stuck", "io.writeback", "io.saturated",
		"kernel.hung-task" },
	.needs = {
		{ .table = TABLE_klog_event },
		{ .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
	},
	.models = { MODEL_disks },
	.judge = judge,
};
