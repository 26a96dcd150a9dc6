/* SPDX-License-Identifier: MIT */
/*
 * How even a device works: /proc/diskstats again and again for 0.7 s, asked by device. A disk is
 * uneven, a limit is not. Throttles work in bursts, of which the beginning is to be seen: so often
 * that it costs a fifth of a CPU at most, for that time.
 */
#include "source/proc.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MAX = 160, PAUSE_NS = 5000000, LONG_NS = 700000000, FILE_BYTES_MAX = 1 << 20 };
enum { COST_PART = 4 };

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

static void nap(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_sec = (time_t)(ns / 1000000000),
			  .tv_nsec = (long)(ns % 1000000000) },
		NULL);
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
	for (uint32_t i = 0; i < SAMPLES_MAX && proc_now_ns() - begin_ns < LONG_NS; i++) {
		uint64_t read_ns = proc_now_ns();
		int err = read_sample(p, t, i, begin_ns);

		if (err < 0)
			return err;
		if (probe_late(p)) {
			table_fail(t, STATE_LATE, "%u samples in time", i + 1);
			return 0;
		}
		uint64_t rest_ns = (proc_now_ns() - read_ns) * COST_PART;

		nap(rest_ns > PAUSE_NS ? rest_ns : PAUSE_NS);
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
