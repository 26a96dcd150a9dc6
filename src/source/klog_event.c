/* SPDX-License-Identifier: MIT */
/*
 * What else goes wrong in the kernel log than OOM and hung tasks: one row for each kind, thing and
 * hour, so that a disk that fails a million times is a row an hour.
 */
#include "source/klog_event.h"

#include "source/source.h"

#include <errno.h>
#include <string.h>

#define HOUR_NS (3600ull * 1000000000u)

/* A log of ever new names is searched line by line through what is there: bounded. */
enum { EVENTS_MAX = 1024, DEVICE_MAX = 64 };

struct event_log {
	struct table *t;
	bool stalled; /* the line before told of a stall, and not of its CPU */
	struct klog_line stall_line;
	struct klog_found stall;
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
			row_has(e->has, KLOG_EVENT_cpu) == f->has_cpu &&
			(!f->has_cpu || e->cpu == f->cpu) && same_hour(e, l))
			return e;
	}
	return NULL;
}

static int count(struct event_log *log, const struct klog_line *l, const struct klog_found *f)
{
	struct table *t = log->t;
	struct klog_event key = {
		.kind = table_intern(t, f->kind, strlen(f->kind)),
		.device = klog_intern(t, l, span_upto(f->device, DEVICE_MAX)),
		.comm = klog_intern(t, l, f->comm),
	};
	struct klog_event *e = row_of(t, l, &key, f);

	if (!e && t->n == EVENTS_MAX) {
		t->lost++;
		return 0;
	}
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
	uint64_t n = e->n;

	if (__builtin_add_overflow(n, f->n ? f->n : 1, &n))
		n = UINT64_MAX;
	row_put(t->schema, e, KLOG_EVENT_n, n);
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
	text_t failed = table_intern(t, KLOG_READ_ONLY, sizeof(KLOG_READ_ONLY) - 1);

	if (strcmp(f->kind, KLOG_MOUNTED) != 0)
		return true;
	text_t device = klog_intern(t, l, span_upto(f->device, DEVICE_MAX));

	for (table_each(const struct klog_event, e, t)) {
		if (e->kind == failed && e->device == device)
			return true;
	}
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* name is disk, or a partition of it: "sda1", and "nvme0n1p1" where disk ends with a digit. */
static bool is_part(const char *name, struct span disk)
{
	size_t len = strlen(name);

	if (len < disk.len || memcmp(name, disk.at, disk.len) != 0)
		return false;
	name += disk.len;
	if (*name == '\0')
		return true;
	if (is_digit(disk.at[disk.len - 1]) && *name++ != 'p')
		return false;
	return *name && strspn(name, "0123456789") == strlen(name);
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

		if (!is_part(table_text(t, e->device), disk))
			*(struct klog_event *)table_at(t, n++) = *e;
	}
	table_cut(t, n);
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
		forget_other_disk(log->t, l->text);
		return 0;
	}
	if (strcmp(f.kind, KLOG_RCU_STALL) == 0 && !f.has_cpu) {
		log->stalled = true;
		log->stall_line = *l;
		log->stall = f;
		return 0;
	}
	return is_news(log, l, &f) ? count(log, l, &f) : 0;
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
	t->lost += r.lost;
	return err;
}
