/* SPDX-License-Identifier: MIT */
/*
 * How even a device works: /proc/diskstats several times within 0.7 s, asked by device. A disk is
 * uneven, a limit is not.
 */
#include "source/proc.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { SAMPLES = 15, PAUSE_NS = 48000000, FILE_BYTES_MAX = 1 << 20 };

static bool was_asked(const struct probe *p, uint64_t dev)
{
	for (size_t i = 0; i < p->n_asked[TABLE_disk_pace]; i++) {
		if (p->asked[TABLE_disk_pace][i] == dev)
			return true;
	}
	return false;
}

static int add_sample(struct probe *p, struct table *t, const struct table *disks, uint32_t sample,
	uint64_t at_ns)
{
	for (table_each(const struct disk, d, disks)) {
		if (!was_asked(p, d->dev))
			continue;
		void *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, DISK_PACE_dev, d->dev);
		row_put(t->schema, row, DISK_PACE_sample, sample);
		row_put(t->schema, row, DISK_PACE_at_ns, at_ns);
		row_put(t->schema, row, DISK_PACE_requests, d->reads + d->writes);
		row_put(t->schema, row, DISK_PACE_bytes, d->read_bytes + d->written_bytes);
		row_put(t->schema, row, DISK_PACE_in_flight, d->in_flight);
	}
	return 0;
}

/* One reading. 0 or -errno. */
static int read_sample(struct probe *p, struct table *t, uint32_t sample, uint64_t begin_ns)
{
	struct table *disks = table_new(schemas[TABLE_disk]);
	auto_strbuf text = { 0 };

	if (!disks)
		return -ENOMEM;
	int err = host_read_all(p->host, "proc/diskstats", FILE_BYTES_MAX, &text);
	uint64_t at_ns = proc_now_ns() - begin_ns;

	if (err == 0)
		err = disk_parse(strbuf_text(&text), text.len, disks);
	if (err == 0)
		err = add_sample(p, t, disks, sample, at_ns);
	table_unref(disks);
	return err;
}

static int read_disk_pace(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_disk_pace);
	uint64_t begin_ns = proc_now_ns();

	if (!t)
		return 0;
	if (!host_is_live(p->host)) {
		table_fail(t, STATE_ABSENT, "not in this capture");
		return 0;
	}
	for (uint32_t i = 0; i < SAMPLES; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
		if (probe_late(p)) {
			table_fail(t, STATE_LATE, "%u of %u samples in time", i, SAMPLES);
			return 0;
		}
		int err = read_sample(p, t, i, begin_ns);

		if (err < 0)
			return err;
	}
	t->state = STATE_OK;
	return 0;
}

const struct source source_disk_pace = {
	.name = "disk_pace",
	.fills = { TABLE_disk_pace },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY, /* it sleeps: the others shall not wait for it */
	.rows_only = true,
	.deadline_ns = 780000000,
	.read = read_disk_pace,
};
