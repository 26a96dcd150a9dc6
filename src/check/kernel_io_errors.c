/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"
#include "model/disks.h"
#include "sample/disk_name.h"

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

/* A mount of a disk, which may be gone: then disk is NULL, and the source names it. */
struct place {
	const struct mount *mount;
	const struct disk_load *disk;
	struct span source; /* "sdb1" */
};

struct look {
	const struct model *m;
	struct kernel_things stopped; /* file systems that turned read-only */
	struct place *place;
	size_t n_places;
	uint8_t *rest;  /* of the disks of the model; NULL: there are none */
	bool lists_all; /* a disk that is not in the table is gone */
};

/* Mounts that lie on one disk. */
struct damage {
	size_t needs, outlives; /* without it they fail; a copy or another path serves them */
	bool sure;              /* one of them surely fails: it has no copy elsewhere */
	bool removable;         /* all of them that need it */
	bool gone, path;        /* the disk: no longer there; one of several to the same data */
};

/* The whole disk of a partition, "nvme0n1" of its controller "nvme0", also when they are gone. */
static const char *disk_of(struct judgement *j, const struct model *m, const char *name)
{
	const struct disk_load *d = disks_named(m->disks, name);

	if (d)
		return disks_whole(m->disks, d)->name;
	for (size_t i = 0; m->disks && starts(name, "nvme") && i < m->disks->n; i++) {
		const char *whole = m->disks->disk[i].name;

		if (!m->disks->disk[i].partition && starts(whole, name) &&
			whole[strlen(name)] == 'n')
			return whole;
	}
	if (starts(name, "nvme") && strspn(name + 4, "0123456789") == strlen(name) - 4)
		return judge_text(j, "%sn1", name);
	struct span disk = disk_name_whole(span_of(name));

	return disk.len == strlen(name) ? name : judge_text(j, "%.*s", (int)disk.len, disk.at);
}

/*
 * A drive without a medium, or one that a virtual machine has for no reason, fails all the time; so
 * does the protected area of an eMMC for everybody who has not its key.
 */
static const char *name_of(struct judgement *j, const struct model *m, const char *name)
{
	size_t len = strlen(name);

	if (starts(name, "fd") || starts(name, "sr") ||
		(len > 4 && strcmp(name + len - 4, "rpmb") == 0))
		return NULL;
	return disk_of(j, m, name);
}

/* Mounts of disks once, and not for each disk: most of a container host's have none. */
static void find_places(struct judgement *j, struct look *l)
{
	static const char dev[] = "/dev/";
	const struct table *t = frame_table(l->m->now, TABLE_mount);
	const struct disks_model *disks = l->m->disks;

	if (disks && disks->n > 0)
		l->rest = arena_new(&j->arena, disks->n);
	if (!table_usable(t) || t->n == 0)
		return;
	l->place = arena_new(&j->arena, t->n * sizeof(*l->place));
	for (table_each(const struct mount, mt, t)) {
		const char *source = table_text(t, mt->source);
		struct place at = { .mount = mt, .disk = disks_mounted(disks, mt->dev, source) };

		if (starts(source, dev))
			at.source = span_of(source + sizeof(dev) - 1);
		if (l->place && (at.disk || at.source.len))
			l->place[l->n_places++] = at;
	}
}

static enum disks_rest rest(const struct look *l, const struct place *at, const char *disk)
{
	if (at->disk && l->rest)
		return (enum disks_rest)l->rest[at->disk - l->m->disks->disk];
	return disk_name_within(at->source, span_of(disk)) ? REST_NEEDS : REST_NOT;
}

/* A loop or network block device stays where it is without its file or server. */
static bool stays(const char *name)
{
	return starts(name, "loop") || starts(name, "nbd");
}

/* "ata1.00", which is no name of a block device. */
static bool is_port(const char *name)
{
	return starts(name, "ata");
}

/*
 * lxcfs lists in a container's diskstats only what its control group used: there a disk that is not
 * listed is not gone.
 */
static bool lists_all(const struct look *l)
{
	const struct table *t = frame_table(l->m->now, TABLE_mount);

	if (!l->m->disks || l->m->disks->state != STATE_OK)
		return false;
	for (size_t i = 0; table_usable(t) && i < t->n; i++) {
		const struct mount *mt = table_at(t, i);

		if (strcmp(table_text(t, mt->target), "/proc/diskstats") == 0)
			return false;
	}
	return true;
}

/* A btrfs names one of its disks, and may have a copy on another. */
static struct damage damage_of(const struct look *l, const char *disk)
{
	const struct disks_model *disks = l->m->disks;
	const struct table *t = frame_table(l->m->now, TABLE_mount);
	struct damage d = { .removable = true };

	if (l->rest) {
		disks_rest(disks, disk, l->rest);
		d.path = disks_is_path(disks, disk, l->rest);
	}
	d.gone = l->lists_all && !disks_named(disks, disk) && !is_port(disk);
	for (size_t i = 0; i < l->n_places; i++) {
		const struct mount *mt = l->place[i].mount;
		enum disks_rest how = rest(l, &l->place[i], disk);

		d.outlives += how == REST_OUTLIVES;
		if (how < REST_MAY_NEED)
			continue;
		d.needs++;
		d.sure |= how == REST_NEEDS &&
			  !(d.gone && strcmp(table_text(t, mt->fstype), "btrfs") == 0);
		d.removable &= kernel_removable(table_text(t, mt->target));
	}
	d.gone |= stays(disk) && d.needs == 0;
	return d;
}

/*
 * Those that fail with it; those that a copy serves are its victims only where there are no others.
 */
static void add_mounts(struct judgement *j, struct finding *f, const struct look *l,
	const char *disk, const struct damage *d)
{
	const struct table *t = frame_table(l->m->now, TABLE_mount);
	enum disks_rest least = d->needs ? REST_MAY_NEED : REST_OUTLIVES;

	for (size_t i = 0; i < l->n_places; i++) {
		const struct mount *mt = l->place[i].mount;

		if (rest(l, &l->place[i], disk) >= least)
			finding_victim(f,
				(struct entity){ .kind = ENTITY_MOUNT,
					.name = judge_text(j, "%s", table_text(t, mt->target)),
					.detail = judge_text(j, "%s", table_text(t, mt->fstype)) });
	}
}

/*
 * A file system that found damage and stopped writing is kernel.read-only's, unless its disk fails.
 */
static bool only_read_only(const struct look *l, const struct kernel_thing *one)
{
	return one->all.n == one->of[FS].n && kernel_named(&l->stopped, one->name);
}

/* False: not worth a word. */
static bool grade(const struct kernel_thing *one, const struct damage *d, enum severity *ret)
{
	uint64_t hiccups = one->of[DRIVER].hour, hard = one->all.hour - hiccups;
	const char *driver = one->of[DRIVER].what;
	bool lost = one->of[LOST].hour > 0 ||
		    (hiccups > 0 && (strcmp(driver, "removed") == 0 ||
					    strcmp(driver, "controller is down") == 0));

	*ret = SEVERITY_INFO;
	/* It is so now, whenever it began. */
	if (d->gone && d->needs > 0) {
		*ret = d->removable || !d->sure ? SEVERITY_WARNING : SEVERITY_CRITICAL;
		return true;
	}
	if (one->all.day == 0)
		return !d->gone && one->last_ns == 0;
	/* Pulled out, and nobody has anything on it; or what it had to do went another way. */
	if (d->gone || d->path)
		return true;
	if (d->sure && lost)
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
	return judge_text(j, "%s%s: %llu %s%s%s%s", one->name, gone ? " (gone now)" : "",
		(unsigned long long)n, what, n == 1 ? "" : "s", one->all.day ? " in a day" : "",
		kernel_last(j, m, one->last_ns));
}

/* The kernel's word for ENOSPC from below: block/blk-core.c, blk_errors[]. */
static bool is_full_below(const struct kernel_thing *one)
{
	return strcmp(one->of[IO].what, "critical space allocation") == 0;
}

static const char *cause(
	struct judgement *j, const struct kernel_thing *one, const struct damage *d)
{
	const char *what = one->of[IO].what;

	if (d->gone && d->needs > 0)
		return judge_text(j,
			"it is no longer there (pulled out, without power or link, or given up by "
			"its driver), and what is mounted on it %s",
			d->sure ? "reads and writes nothing any more"
				: "has lost a copy, or all, if there is none on another disk");
	if (d->path)
		return "one path to the data failed: cable, switch, controller, or planned work "
		       "there; multipath sends what failed another way";
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

/* "nvme0" of "nvme0n1": of its controller are half of the lines. */
static const char *name_in_log(struct judgement *j, const char *name)
{
	if (!starts(name, "nvme"))
		return name;
	return judge_text(j, "%.*s", (int)(4 + strspn(name + 4, "0123456789")), name);
}

static void advise_port(struct judgement *j, struct finding *f, const char *name)
{
	const char *port = judge_text(j, "/%.*s/", (int)strcspn(name, "."), name);

	finding_todo(f, judge_text(j, "see which disk is there:  ls -l /sys/block | grep -F -- %s",
				shell_word(j, port)));
	finding_todo(f, "ask it:  smartctl -a /dev/DISK");
}

static void advise(struct judgement *j, struct finding *f, const struct kernel_thing *one,
	const struct damage *d)
{
	const char *name = one->name, *disk = shell_word(j, name);

	finding_todo(f, judge_text(j, "read them all:  dmesg -T | grep -F -- %s",
				shell_word(j, name_in_log(j, name))));
	if (d->path)
		finding_todo(f, "see which paths are up:  multipath -ll");
	else if (d->gone && d->needs && !d->sure)
		finding_todo(
			f, "see what has a copy left:  lvs -a -o +devices; btrfs filesystem show");
	else if (is_full_below(one))
		finding_todo(
			f, starts(name, "loop")
				   ? judge_text(j, "make room below it:  losetup -l /dev/%s; df -h",
					     disk)
				   : "make room below it:  lvs -a");
	else
		finding_todo(f, "make sure that the backup of it is whole, before anything else");
	f->refuted_if =
		d->gone && d->needs
			? "a file on it that nobody has read since can be read"
			: "reading the whole device (dd to /dev/null) ends without an error, "
			  "and no new line comes";
	if (is_port(name)) {
		advise_port(j, f, name);
		return;
	}
	if (!starts(name, "dm-") && !stays(name) && !d->gone)
		finding_todo(f, judge_text(j, "ask the drive:  smartctl -a /dev/%s", disk));
	if (d->gone)
		finding_todo(f, "see what is left, and what has come anew:  lsblk");
	else
		finding_todo(f,
			judge_text(j, "see what is below and above it:  lsblk -s /dev/%s", disk));
}

static bool report(struct judgement *j, const struct look *l, const struct kernel_thing *one)
{
	static const char *const names[] = { "io", "buffer", "lost_write", "driver", "fs" };
	const struct damage d = damage_of(l, one->name);
	enum severity severity;

	if ((only_read_only(l, one) && !(d.gone && d.needs)) || !grade(one, &d, &severity))
		return false;
	struct finding *f = judge_finding(j, severity, CONFIDENCE_CERTAIN);

	f->title = title(j, l->m, one, d.gone);
	f->since_ns = one->first_ns;
	f->past = kernel_over(l->m, one->last_ns) && !(d.gone && d.needs);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (one->of[i].n)
			kernel_evidence(j, f, names[i], &one->of[i], i == DRIVER ? HICCUPS : 1,
				i == DRIVER ? "tried again with success" : "none is normal");
	}
	if (d.gone && d.needs)
		finding_evidence_text(f, "disk.name", "not there, and mounted", "/proc/diskstats");
	finding_culprit(f, kernel_device(j, one->name));
	add_mounts(j, f, l, one->name, &d);
	f->cause = cause(j, one, &d);
	advise(j, f, one, &d);
	return true;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	static const char *const stopped[] = { KLOG_READ_ONLY, NULL };
	struct look l = { .m = m };
	struct kernel_things things;
	bool sad = false;

	kernel_fold(j, m, stopped, name_of, &l.stopped);
	kernel_fold(j, m, kinds, name_of, &things);
	if (things.n > 0)
		find_places(j, &l);
	l.lists_all = lists_all(&l);
	for (size_t i = 0; i < things.n; i++)
		sad |= report(j, &l, &things.at[i]);
	return kernel_verdict(j, &things, sad);
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
