/* SPDX-License-Identifier: MIT */
/*
 * What else goes wrong in the kernel log than OOM and hung tasks: one row for each kind, thing and
 * hour, so that a disk that fails a million times is a row an hour.
 */
#include "source/klog_event.h"

#include "sample/disk_name.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HOUR_NS (3600ull * 1000000000u)
/* The kernel tells a failed command and its request at once, and then the maps above it. */
#define SAME_REQUEST_NS 1000000000u

/*
 * A log of ever new names is searched line by line through what is there: bounded. When there is no
 * room, a quarter of the kind that has most rows, its oldest, becomes one row without a name: so a
 * flood hides neither its own newest nor what is of another kind.
 */
enum { EVENTS_MAX = 1024, DEVICE_MAX = 64, KINDS_MAX = 32, FOLD_PART = 4 };

struct event_log {
	struct table *t;
	bool stalled; /* the line before told of a stall, and not of its CPU */
	struct klog_line stall_line;
	struct klog_found stall;
	bool reads_or_writes; /* the last SCSI command that failed */
	struct span command_disk;
	uint64_t command_ns;
};

static bool same_hour(const struct klog_event *e, const struct klog_line *l)
{
	if (!row_has(e->has, KLOG_EVENT_first_ns) || !l->timed)
		return !row_has(e->has, KLOG_EVENT_first_ns) && !l->timed;
	return e->first_ns / HOUR_NS == l->at_ns / HOUR_NS;
}

/* The newest first: what repeats, repeats now. */
static struct klog_event *row_of(struct table *t, const struct klog_line *l,
	const struct klog_event *key, const struct klog_found *f)
{
	for (size_t i = t->n; i-- > 0;) {
		struct klog_event *e = table_at(t, i);

		if (e->kind == key->kind && e->device == key->device && e->comm == key->comm &&
			e->folded == 0 && row_has(e->has, KLOG_EVENT_cpu) == f->has_cpu &&
			(!f->has_cpu || e->cpu == f->cpu) && same_hour(e, l))
			return e;
	}
	return NULL;
}

/* The kind that most rows are of, and how many. */
static text_t crowded_kind(const struct table *t, size_t *ret_rows)
{
	struct {
		text_t kind;
		size_t rows;
	} seen[KINDS_MAX] = { 0 };
	size_t n = 0, most = 0;

	for (table_each(const struct klog_event, e, t)) {
		size_t i = 0;

		while (i < n && seen[i].kind != e->kind)
			i++;
		if (i == KINDS_MAX)
			continue;
		n += i == n;
		seen[i].kind = e->kind;
		if (++seen[i].rows > seen[most].rows)
			most = i;
	}
	*ret_rows = seen[most].rows;
	return seen[most].kind;
}

static void add_events(const struct schema *schema, struct klog_event *e, uint64_t n)
{
	if (__builtin_add_overflow(n, e->n, &n))
		n = UINT64_MAX;
	row_put(schema, e, KLOG_EVENT_n, n);
}

/* into, the older row, becomes nobody's and takes what e, the next, counted. */
static void fold(const struct schema *schema, struct klog_event *into, const struct klog_event *e)
{
	if (into->folded == 0) {
		struct klog_event plain = { .kind = into->kind };

		row_put(schema, &plain, KLOG_EVENT_sequence, into->sequence);
		row_put(schema, &plain, KLOG_EVENT_kind, into->kind);
		row_put(schema, &plain, KLOG_EVENT_n, into->n);
		row_put(schema, &plain, KLOG_EVENT_folded, 1);
		if (row_has(into->has, KLOG_EVENT_first_ns))
			row_put(schema, &plain, KLOG_EVENT_first_ns, into->first_ns);
		if (row_has(into->has, KLOG_EVENT_last_ns))
			row_put(schema, &plain, KLOG_EVENT_last_ns, into->last_ns);
		*into = plain;
	}
	add_events(schema, into, e->n);
	row_put(schema, into, KLOG_EVENT_folded, into->folded + 1);
	if (row_has(e->has, KLOG_EVENT_last_ns) && e->last_ns >= into->last_ns)
		row_put(schema, into, KLOG_EVENT_last_ns, e->last_ns);
}

/* Rows stand in the order of their first event, so a kind's first ones are its oldest. */
static void make_room(struct table *t)
{
	size_t rows, n = 0, folded = 0;
	text_t kind = crowded_kind(t, &rows);
	struct klog_event *into = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct klog_event *e = table_at(t, i);

		if (e->kind == kind && folded <= rows / FOLD_PART) {
			folded++;
			if (into) {
				fold(t->schema, into, e);
				continue;
			}
			into = table_at(t, n);
		}
		*(struct klog_event *)table_at(t, n++) = *e;
	}
	t->lost += t->n - n;
	table_cut(t, n);
}

static int count(struct event_log *log, const struct klog_line *l, const struct klog_found *f)
{
	struct table *t = log->t;
	size_t before = table_bytes(t);
	struct klog_event key = {
		.kind = table_intern(t, f->kind, strlen(f->kind)),
		.device = klog_intern(t, l, span_upto(f->device, DEVICE_MAX)),
		.comm = klog_intern(t, l, f->comm),
	};
	/* A name that is new has no row: a flood of them is not searched for. */
	bool known = table_bytes(t) == before;
	struct klog_event *e = known ? row_of(t, l, &key, f) : NULL;

	if (!e && t->n >= EVENTS_MAX)
		make_room(t);
	if (!e) {
		e = table_add(t);
		if (!e)
			return -ENOMEM;
		row_put(t->schema, e, KLOG_EVENT_sequence, l->sequence);
		row_put(t->schema, e, KLOG_EVENT_kind, key.kind);
		if (key.device)
			row_put(t->schema, e, KLOG_EVENT_device, key.device);
		if (key.comm)
			row_put(t->schema, e, KLOG_EVENT_comm, key.comm);
		if (f->has_cpu)
			row_put(t->schema, e, KLOG_EVENT_cpu, f->cpu);
		if (l->timed)
			row_put(t->schema, e, KLOG_EVENT_first_ns, l->at_ns);
	}
	if (l->timed)
		row_put(t->schema, e, KLOG_EVENT_last_ns, l->at_ns);
	if (f->has_pid)
		row_put(t->schema, e, KLOG_EVENT_pid, f->pid);
	if (f->what.len)
		row_put(t->schema, e, KLOG_EVENT_what,
			klog_intern(t, l, span_upto(f->what, DEVICE_MAX)));
	add_events(t->schema, e, f->n ? f->n : 1);
	return 0;
}

static bool find(struct span s, struct klog_found *ret)
{
	static bool (*const families[])(struct span s, struct klog_found * ret) = { klog_find_disk,
		klog_find_fs, klog_find_cpu, klog_find_machine, klog_find_crash, klog_find_link };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct klog_found f = { 0 };

		if (families[i](s, &f)) {
			*ret = f;
			return true;
		}
	}
	return false;
}

/* Only after it failed is it news that it is mounted again. */
static bool is_news(
	const struct event_log *log, const struct klog_line *l, const struct klog_found *f)
{
	struct table *t = log->t;

	if (strcmp(f->kind, KLOG_MOUNTED) != 0)
		return true;
	text_t failed = table_intern(t, KLOG_READ_ONLY, sizeof(KLOG_READ_ONLY) - 1);
	text_t device = klog_intern(t, l, span_upto(f->device, DEVICE_MAX));

	for (table_each(const struct klog_event, e, t)) {
		if (e->kind == failed && e->device == device)
			return true;
	}
	return false;
}

/*
 * A disk came: what its name meant before was another one.
 *
 *   loop0: detected capacity change from 0 to 65536      since 5.12
 *   sd 6:0:0:0: [sdb] Attached SCSI disk
 */
static void forget_other_disk(struct table *t, struct span s)
{
	static const char new_size[] = ": detected capacity change from 0 to ";
	struct span disk;
	size_t at, n = 0;

	if (span_find(s, new_size, &at))
		disk = span_upto(s, at);
	else if (!klog_between(s, " [", "] Attached SCSI ", &disk))
		return;
	if (disk.len == 0)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct klog_event *e = table_at(t, i);

		if (!disk_name_within(span_of(table_text(t, e->device)), disk))
			*(struct klog_event *)table_at(t, n++) = *e;
	}
	table_cut(t, n);
}

/* Not known to be more than a discard or the like. */
static bool is_refused(
	const struct event_log *log, const struct klog_line *l, const struct klog_found *f)
{
	bool its = log->command_disk.len == 0 || span_starts(f->device, "dm-") ||
		   disk_name_within(f->device, log->command_disk);

	return f->refused &&
	       !(its && log->reads_or_writes && l->at_ns - log->command_ns <= SAME_REQUEST_NS);
}

static int take_line(struct event_log *log, const struct klog_line *l)
{
	struct klog_found f = { 0 };
	int err = 0;

	if (log->stalled) {
		log->stalled = false;
		log->stall.has_cpu = klog_stalled_cpu(l->text, &log->stall.cpu);
		err = count(log, &log->stall_line, &log->stall);
	}
	if (err < 0)
		return err;
	if (!find(l->text, &f)) {
		if (klog_command(l->text, &log->command_disk, &log->reads_or_writes))
			log->command_ns = l->at_ns;
		else
			forget_other_disk(log->t, l->text);
		return 0;
	}
	if (strcmp(f.kind, KLOG_RCU_STALL) == 0 && !f.has_cpu) {
		log->stalled = true;
		log->stall_line = *l;
		log->stall = f;
		return 0;
	}
	return is_news(log, l, &f) && !is_refused(log, l, &f) ? count(log, l, &f) : 0;
}

/*
 * Parse the kernel log for what kernel.* judges, a row for each kind, thing and hour. Pure: the
 * fuzzer calls it directly.
 *
 * Shape:  lines as klog_next() reads them; what none of the families knows is skipped.
 * Units:  times since boot.
 * Errors: -ENOMEM; a log can hold anything, so nothing is malformed.
 * Source: see klog_event.h.
 */
int klog_event_parse(const char *buf, size_t len, struct table *t)
{
	struct klog_reader r = klog_read(buf, len);
	struct event_log log = { .t = t };
	struct klog_line line;
	int err = 0;

	while (err == 0 && klog_next(&r, &line))
		err = take_line(&log, &line);
	if (err == 0 && log.stalled)
		err = count(&log, &log.stall_line, &log.stall);
	if (t->lost > 0)
		snprintf(t->why, sizeof(t->why),
			"too many different events: the oldest are summed up");
	t->lost += r.lost;
	return err;
}
