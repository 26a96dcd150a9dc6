/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "base/mem.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Maps and arrays of which it is read what is below them: a folder and two short files for each. */
enum { STACKED_MAX = 256 };

enum { SKIP = DISK_COLUMNS, NS_PER_MS = 1000000, SECTOR = 512 };

/* After major, minor and name. Discards (4.18) and flushes (5.5) follow and are not read. */
static const struct {
	unsigned int column;
	uint64_t scale;
} fields[] = {
	{ DISK_reads, 1 },
	{ SKIP, 1 }, /* merged */
	{ DISK_read_bytes, SECTOR },
	{ DISK_read_wait_ns, NS_PER_MS },
	{ DISK_writes, 1 },
	{ SKIP, 1 },
	{ DISK_written_bytes, SECTOR },
	{ DISK_write_wait_ns, NS_PER_MS },
	{ DISK_in_flight, 1 },
	{ DISK_busy_ns, NS_PER_MS },
	{ DISK_queue_ns, NS_PER_MS },
};

static int parse_disk(struct cursor *line, struct table *t)
{
	uint64_t major, minor, value;
	struct disk d = { 0 };
	struct span name;

	if (!cursor_u64(line, &major) || !cursor_u64(line, &minor) || !cursor_word(line, &name) ||
		major > UINT32_MAX || minor > UINT32_MAX || !*name.at)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!cursor_u64(line, &value) ||
			__builtin_mul_overflow(value, fields[i].scale, &value))
			return -EINVAL;
		if (fields[i].column != SKIP)
			row_put(t->schema, &d, fields[i].column, value);
	}
	row_put(t->schema, &d, DISK_dev, major << 32 | minor);
	row_put(t->schema, &d, DISK_name, table_intern(t, name.at, name.len));
	struct disk *row = d.name ? table_add(t) : NULL;

	if (!row)
		return -ENOMEM;
	*row = d;
	return 0;
}

/*
 * Parse /proc/diskstats. partition stays absent: the file does not say it.
 *
 * Shape:  "major minor name" and 11 numbers, 15 since 4.18, 17 since 5.5; the later ones are not
 *         read. No disks is no error.
 * Units:  sectors of 512 bytes; milliseconds, which wrap at 2^32 in most kernels (49 days).
 * Errors: -EINVAL malformed line.
 * Source: block/genhd.c, diskstats_show().
 */
int disk_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_end(&line))
			err = parse_disk(&line, t);
	}
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int compare_text(const void *a, const void *b)
{
	const text_t *ta = a, *tb = b;

	return (*ta > *tb) - (*ta < *tb);
}

/* What /sys/block does not list is a partition: one read instead of one for each device. */
static int mark_partitions(struct table *t, const struct strbuf *names)
{
	size_t n = 0;

	for (const char *name = NULL; (name = host_next_name(names, name));)
		n++;
	auto_free text_t *whole = mem_new(n ? n : 1, sizeof(*whole));

	if (!whole)
		return -ENOMEM;
	n = 0;
	for (const char *name = NULL; (name = host_next_name(names, name)); n++) {
		char text[256];
		struct span s = { name, strlen(name) };

		/* sysfs cannot have a '/' in a name: cciss!c0d0 */
		span_copy(s, text, sizeof(text));
		for (char *at = text; (at = strchr(at, '!'));)
			*at = '/';
		whole[n] = table_intern(t, text, strlen(text));
	}
	qsort(whole, n, sizeof(*whole), compare_text);
	for (table_each(struct disk, d, t)) {
		bool found = bsearch(&d->name, whole, n, sizeof(*whole), compare_text);

		row_put(t->schema, d, DISK_partition, !found);
	}
	return 0;
}

/* The first line of a file below /sys/block/NAME, up to end (0: all of it), into column. */
static void take_word(struct probe *p, struct table *t, struct disk *d, const char *file, char end,
	unsigned int column)
{
	char path[160], text[256];

	snprintf(path, sizeof(path), "sys/block/%.64s/%s", table_text(t, d->name), file);
	int n = probe_line(p, path, text, sizeof(text));
	const char *stop = n > 0 && end ? memchr(text, end, (size_t)n) : NULL;

	if (n > 0)
		row_put(t->schema, d, column,
			table_intern(t, text, stop ? (size_t)(stop - text) : (size_t)n));
}

/* What a map or an array lies on; a disk that vanished is still named there. */
static void take_below(struct probe *p, struct table *t, struct disk *d)
{
	auto_strbuf names = { 0 }, joined = { 0 };
	char path[96];

	snprintf(path, sizeof(path), "sys/block/%.64s/slaves", table_text(t, d->name));
	if (host_list(p->host, path, &names) < 0)
		return;
	for (const char *name = NULL; (name = host_next_name(&names, name));) {
		if (joined.len)
			strbuf_putc(&joined, ' ');
		strbuf_add(&joined, name, strlen(name));
	}
	if (!joined.failed)
		row_put(t->schema, d, DISK_below,
			table_intern(t, strbuf_text(&joined), joined.len));
}

static void read_stacks(struct probe *p, struct table *t)
{
	size_t n = 0;

	for (table_each(struct disk, d, t)) {
		struct span name = span_of(table_text(t, d->name));
		bool map = span_starts(name, "dm-"), array = span_starts(name, "md");

		if (d->partition || (!map && !array))
			continue;
		if (n++ == STACKED_MAX || probe_late(p)) {
			t->cell[DISK_below] = STATE_LATE;
			return;
		}
		take_below(p, t, d);
		if (map) {
			take_word(p, t, d, "dm/uuid", '-', DISK_made_by);
			take_word(p, t, d, "dm/name", '\0', DISK_map);
		} else {
			take_word(p, t, d, "md/level", '\0', DISK_made_by);
		}
	}
}

static int read_disk(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_disk);
	auto_strbuf names = { 0 };

	if (!t)
		return 0;
	probe_parse(p, TABLE_disk, "proc/diskstats", 4 << 20, disk_parse);
	if (t->state != STATE_OK)
		return 0;
	int err = host_list(p->host, "sys/block", &names);

	if (err == 0)
		err = mark_partitions(t, &names);
	if (err < 0)
		t->cell[DISK_partition] = (uint8_t)state_of_errno(err);
	else
		read_stacks(p, t);
	return 0;
}

const struct source source_disk = {
	.name = "disk",
	.fills = { TABLE_disk },
	.deadline_ns = 500000000,
	.read = read_disk,
};
