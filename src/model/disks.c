/* SPDX-License-Identifier: MIT */
#include "model/disks.h"

#include "base/cursor.h"
#include "sample/disk_name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct disk_load *disks_find(const struct disks_model *dm, uint64_t dev)
{
	for (size_t i = 0; dm && i < dm->n; i++) {
		if (dm->disk[i].row->dev == dev)
			return &dm->disk[i];
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct disk_load *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int is_name(const void *key, const void *item)
{
	const struct span *name = key;
	const struct disk_load *const *d = item;
	int order = strncmp(name->at, (*d)->name, name->len);

	return order ? order : -((*d)->name[name->len] != '\0');
}

static const struct disk_load *find(const struct disks_model *dm, struct span name)
{
	const struct disk_load **d =
		dm && dm->n ? bsearch(&name, dm->by_name, dm->n, sizeof(*dm->by_name), is_name)
			    : NULL;

	return d ? *d : NULL;
}

const struct disk_load *disks_named(const struct disks_model *dm, const char *name)
{
	static const char dev[] = "/dev/";

	if (strncmp(name, dev, sizeof(dev) - 1) == 0)
		name += sizeof(dev) - 1;
	return find(dm, span_of(name));
}

const struct disk_load *disks_whole(const struct disks_model *dm, const struct disk_load *d)
{
	for (size_t len = strlen(d->name); d->partition && len > 0; len--) {
		const struct disk_load *w = find(dm, (struct span){ d->name, len });

		if (w && !w->partition)
			return w;
	}
	return d;
}

const struct disk_load *disks_mounted(
	const struct disks_model *dm, uint64_t dev, const char *source)
{
	static const char mapper[] = "/dev/mapper/";
	const struct disk_load *d = disks_find(dm, dev);

	if (d || strncmp(source, "/dev/", 5) != 0)
		return d;
	for (size_t i = 0; dm && i < dm->n; i++) {
		if (dm->disk[i].map[0] && strncmp(source, mapper, sizeof(mapper) - 1) == 0 &&
			strcmp(source + sizeof(mapper) - 1, dm->disk[i].map) == 0)
			return &dm->disk[i];
	}
	return disks_named(dm, source);
}

/* multipathd may also claim a disk that has one path only. */
static bool has_paths(const struct disk_load *d)
{
	struct cursor c = cursor_span(span_of(d->below));
	struct span word;
	size_t n = 0;

	if (strcmp(d->made_by, "mpath") != 0)
		return false;
	while (cursor_word(&c, &word))
		n++;
	return n > 1;
}

uint64_t disks_may_lose(const char *level, uint64_t members)
{
	if (strcmp(level, "raid1") == 0)
		return members > 0 ? members - 1 : 0;
	if (strcmp(level, "raid4") == 0 || strcmp(level, "raid5") == 0)
		return 1;
	if (strcmp(level, "raid6") == 0)
		return 2;
	/* raid10: one for sure, more when they are of different pairs. */
	return strcmp(level, "raid10") == 0 ? members / 2 : 0;
}

/* Does d need each of those below it, if it loses one of them? */
static enum disks_rest without_one(const struct disk_load *d)
{
	const struct md *a = d->array;

	if (has_paths(d))
		return REST_OUTLIVES;
	if (!a || !row_has(a->has, MD_members) || !row_has(a->has, MD_working))
		return disks_may_lose(d->made_by, 2) > 0 ? REST_OUTLIVES : REST_NEEDS;
	uint64_t missing = a->members > a->working ? a->members - a->working : 0;

	if (missing >= disks_may_lose(d->made_by, a->members))
		return REST_NEEDS;
	/* Which of those that are left has no copy any more is not known. */
	return missing > 0 && strcmp(d->made_by, "raid10") == 0 ? REST_MAY_NEED : REST_OUTLIVES;
}

static bool lists(const char *names, struct span name)
{
	struct cursor c = cursor_span(span_of(names));
	struct span word;

	while (cursor_word(&c, &word)) {
		if (word.len == name.len && memcmp(word.at, name.at, name.len) == 0)
			return true;
	}
	return false;
}

/* A leg of a volume of LVM's own RAID: lvmraid(7). */
static bool is_leg(const struct disk_load *d)
{
	return strstr(d->map, "_rimage_") || strstr(d->map, "_mimage_");
}

/* Stacks are a few high; a stranger's capture may claim that one has no end. */
enum { REST_DEEP = 32, REST_OPEN = UINT8_MAX };

static enum disks_rest rest_at(const struct disks_model *dm, const struct disk_load *d,
	struct span disk, unsigned int deep, uint8_t *rest);

static enum disks_rest rest_below(const struct disks_model *dm, const struct disk_load *d,
	struct span disk, unsigned int deep, uint8_t *rest)
{
	enum disks_rest best = REST_NOT;
	struct cursor c = cursor_span(span_of(d->below));
	struct span word;

	while (best != REST_NEEDS && cursor_word(&c, &word)) {
		const struct disk_load *below = find(dm, word);
		enum disks_rest one = REST_NOT;

		if (disk_name_within(word, disk))
			one = REST_NEEDS;
		else if (below)
			one = rest_at(dm, below, disk, deep - 1, rest);
		if (one > REST_OUTLIVES && lists(d->failed, word))
			one = REST_OUTLIVES;
		best = one > best ? one : best;
	}
	if (best > REST_OUTLIVES && without_one(d) < best)
		best = without_one(d);
	return best == REST_NEEDS && is_leg(d) ? REST_MAY_NEED : best;
}

/* Each device is looked at once, so that a thousand paths below as many maps take no time. */
static enum disks_rest rest_at(const struct disks_model *dm, const struct disk_load *d,
	struct span disk, unsigned int deep, uint8_t *rest)
{
	const struct disk_load *whole = disks_whole(dm, d);
	uint8_t *known = &rest[d - dm->disk];
	enum disks_rest found;

	if (*known != REST_OPEN || deep == 0)
		return *known == REST_OPEN ? REST_NOT : (enum disks_rest)(*known);
	*known = REST_NOT; /* while it is looked at: what lies on itself adds nothing */
	if (disk_name_within(span_of(d->name), disk))
		found = REST_NEEDS;
	else if (whole != d)
		found = rest_at(dm, whole, disk, deep, rest);
	else
		found = rest_below(dm, d, disk, deep, rest);
	*known = (uint8_t)found;
	return found;
}

void disks_rest(const struct disks_model *dm, const char *name, uint8_t *rest)
{
	memset(rest, REST_OPEN, dm->n);
	for (size_t i = 0; i < dm->n; i++)
		rest_at(dm, &dm->disk[i], span_of(name), REST_DEEP, rest);
}

bool disks_is_path(const struct disks_model *dm, const char *name, const uint8_t *rest)
{
	for (size_t i = 0; i < dm->n; i++) {
		const struct disk_load *d = &dm->disk[i];

		if (rest[i] != REST_NOT && strcmp(d->name, name) != 0 && has_paths(d))
			return true;
	}
	return false;
}

/* Mean time of one request of those that completed over the look. */
static struct reading mean_wait(
	const struct model *m, const struct disk *d, unsigned int wait, unsigned int count)
{
	struct reading ns = model_delta(m, TABLE_disk, d, wait);
	struct reading n = model_delta(m, TABLE_disk, d, count);

	if (!reading_ok(ns) || !reading_ok(n))
		return reading_none(STATE_ABSENT);
	return ratio_of(ns.value, n.value);
}

static struct reading per_time(const struct model *m, const struct disk *d, unsigned int column)
{
	struct reading rate = model_rate(m, TABLE_disk, d, column);

	return reading_ok(rate) ? reading_of(rate.value / 1e9) : rate;
}

static void fold_either(struct disk_load *l, const struct model *m, const struct disk *d)
{
	struct reading r = model_delta(m, TABLE_disk, d, DISK_read_wait_ns);
	struct reading w = model_delta(m, TABLE_disk, d, DISK_write_wait_ns);
	struct reading rb = model_delta(m, TABLE_disk, d, DISK_read_bytes);
	struct reading wb = model_delta(m, TABLE_disk, d, DISK_written_bytes);

	if (!reading_ok(l->completed))
		return;
	if (reading_ok(r) && reading_ok(w))
		l->wait_ns = ratio_of(r.value + w.value, l->completed.value);
	if (reading_ok(rb) && reading_ok(wb))
		l->request_bytes = ratio_of(rb.value + wb.value, l->completed.value);
}

static struct disk_load load_of(const struct model *m, const struct table *t, const struct disk *d)
{
	struct reading reads = model_delta(m, TABLE_disk, d, DISK_reads);
	struct reading writes = model_delta(m, TABLE_disk, d, DISK_writes);
	struct disk_load l = {
		.row = d,
		.name = table_text(t, d->name),
		.partition = d->partition,
		.below = table_text(t, d->below),
		.made_by = table_text(t, d->made_by),
		.map = table_text(t, d->map),
		.failed = "",
		.reads_per_s = model_rate(m, TABLE_disk, d, DISK_reads),
		.writes_per_s = model_rate(m, TABLE_disk, d, DISK_writes),
		.read_bytes_per_s = model_rate(m, TABLE_disk, d, DISK_read_bytes),
		.written_bytes_per_s = model_rate(m, TABLE_disk, d, DISK_written_bytes),
		.read_wait_ns = mean_wait(m, d, DISK_read_wait_ns, DISK_reads),
		.write_wait_ns = mean_wait(m, d, DISK_write_wait_ns, DISK_writes),
		.busy_ratio = per_time(m, d, DISK_busy_ns),
		.queue = per_time(m, d, DISK_queue_ns),
	};

	if (reading_ok(reads) && reading_ok(writes))
		l.completed = reading_of(reads.value + writes.value);
	fold_either(&l, m, d);
	if (reading_ok(l.busy_ratio) && l.busy_ratio.value > 1)
		l.busy_ratio.value = 1;
	l.quiet = reading_ok(l.completed) && l.completed.value == 0 && d->in_flight == 0;
	return l;
}

/* Stacked on other block devices, so that their bytes would count twice. */
static bool stacked(const char *name)
{
	return strncmp(name, "loop", 4) == 0 || strncmp(name, "dm-", 3) == 0 ||
	       strncmp(name, "md", 2) == 0 || strncmp(name, "drbd", 4) == 0;
}

static void add(struct reading *total, struct reading part)
{
	if (reading_ok(part))
		*total = reading_of((reading_ok(*total) ? total->value : 0) + part.value);
}

static double wait_of(const struct disk_load *l)
{
	double r = reading_ok(l->read_wait_ns) ? l->read_wait_ns.value : 0;
	double w = reading_ok(l->write_wait_ns) ? l->write_wait_ns.value : 0;

	return r > w ? r : w;
}

static void fold_whole(struct disks_model *dm, const struct disk_load *l)
{
	if (l->partition)
		return;
	if (!stacked(l->name)) {
		add(&dm->read_bytes_per_s, l->read_bytes_per_s);
		add(&dm->written_bytes_per_s, l->written_bytes_per_s);
	}
	if (wait_of(l) > 0 && (!dm->slowest || wait_of(l) > wait_of(dm->slowest)))
		dm->slowest = l;
	if (reading_ok(l->busy_ratio) && l->busy_ratio.value > 0 &&
		(!dm->busiest || l->busy_ratio.value > dm->busiest->busy_ratio.value))
		dm->busiest = l;
}

static void find_array(struct disk_load *l, const struct table *arrays)
{
	if (!l->made_by[0] || !table_usable(arrays))
		return;
	for (table_each(const struct md, a, arrays)) {
		if (strcmp(table_text(arrays, a->name), l->name) != 0)
			continue;
		l->array = a;
		l->failed = table_text(arrays, a->failed_devices);
	}
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct disks_model *dm = self;
	const struct table *t = frame_table(m->now, TABLE_disk);

	*dm = (struct disks_model){ .state = t ? t->state : STATE_ABSENT };
	if (!table_usable(t) || t->n == 0)
		return 0;
	dm->disk = arena_new(a, t->n * sizeof(*dm->disk));
	dm->by_name = arena_new(a, t->n * sizeof(*dm->by_name));
	if (!dm->disk || !dm->by_name)
		return -ENOMEM;
	for (table_each(const struct disk, d, t)) {
		dm->by_name[dm->n] = &dm->disk[dm->n];
		dm->disk[dm->n++] = load_of(m, t, d);
	}
	qsort(dm->by_name, dm->n, sizeof(*dm->by_name), by_name);
	for (size_t i = 0; i < dm->n; i++) {
		find_array(&dm->disk[i], frame_table(m->now, TABLE_md));
		fold_whole(dm, &dm->disk[i]);
	}
	return 0;
}

const struct model_row model_disks = {
	.name = "disks",
	.needs = { { .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_md, .optional = true } },
	.size = sizeof(struct disks_model),
	.step = step,
};
