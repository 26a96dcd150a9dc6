/* SPDX-License-Identifier: MIT */
#include "source/cgroup_file.h"

#include "base/cursor.h"
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

/* Version 1 says "no limit" with PAGE_COUNTER_MAX pages, which depends on the page size. */
#define NO_LIMIT ((uint64_t)1 << 62)

static const struct schema *schema(void)
{
	return schemas[TABLE_cgroup];
}

/*
 * "N", or "max" and -1, which leave the cell absent.
 * Source: mm/memcontrol.c, seq_puts_memcg_tunable(); kernel/sched/core.c, cpu_cfs_quota_read_s64().
 */
static int parse_number(
	const char *buf, size_t len, unsigned int column, uint64_t scale, struct cgroup *row)
{
	struct cursor c = cursor_of(buf, len);
	uint64_t value;

	if (len == 0)
		return -ENODATA;
	if (cursor_lit(&c, "max") || cursor_lit(&c, "-1"))
		return 0;
	if (!cursor_u64(&c, &value))
		return -EINVAL;
	if (value >= NO_LIMIT && column == CGROUP_memory_max_bytes)
		return 0;
	if (__builtin_mul_overflow(value, scale, &value))
		return -EINVAL;
	row_put(schema(), row, column, value);
	return 0;
}

/* "name N" per line. */
static int parse_flat(
	const char *buf, size_t len, const struct key *keys, size_t n, struct cgroup *row)
{
	struct cursor c = cursor_of(buf, len), line;
	uint64_t seen = 0;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t value;

		if (cursor_end(&line))
			continue;
		if (!cursor_word(&line, &name))
			return -EINVAL;
		/* Some values that nobody wants may be negative or have a fraction. */
		if (cursor_u64(&line, &value) &&
			keys_put(keys, n, &seen, name, value, schema(), row) < 0)
			return -EINVAL;
	}
	return seen ? 0 : -ENODATA;
}

/*
 * kernel/cgroup/rstat.c, cgroup_base_stat_cputime_show(); kernel/sched/core.c, cpu_cfs_stat_show()
 */
static int parse_cpu_stat(const char *buf, size_t len, struct cgroup *row)
{
	static const struct key keys[] = {
		{ "usage_usec", CGROUP_cpu_usage_ns, 1000 },
		{ "nr_periods", CGROUP_cpu_periods, 1 },
		{ "nr_throttled", CGROUP_cpu_throttled_periods, 1 },
		{ "throttled_usec", CGROUP_cpu_throttled_ns, 1000 },
		{ "throttled_time", CGROUP_cpu_throttled_ns, 1 },
	};

	return parse_flat(buf, len, keys, ARRAY_SIZE(keys), row);
}

/* mm/memcontrol.c, __memory_events_show(); mm/memcontrol-v1.c, mem_cgroup_oom_control_read() */
static int parse_memory_events(const char *buf, size_t len, struct cgroup *row)
{
	static const struct key keys[] = {
		{ "high", CGROUP_memory_high_hits, 1 },
		{ "max", CGROUP_memory_limit_hits, 1 },
		{ "oom_kill", CGROUP_oom_kills, 1 },
		{ "under_oom", CGROUP_under_oom, 1 },
	};

	return parse_flat(buf, len, keys, ARRAY_SIZE(keys), row);
}

static int parse_pids_events(const char *buf, size_t len, struct cgroup *row)
{
	static const struct key keys[] = { { "max", CGROUP_pids_limit_hits, 1 } };

	return parse_flat(buf, len, keys, ARRAY_SIZE(keys), row);
}

/* "QUOTA PERIOD" in microseconds; QUOTA may be "max". */
static int parse_cpu_max(const char *buf, size_t len, struct cgroup *row)
{
	struct cursor c = cursor_of(buf, len);
	struct span quota, period;

	if (len == 0)
		return -ENODATA;
	if (!cursor_word(&c, &quota) || !cursor_word(&c, &period))
		return -EINVAL;
	if (parse_number(period.at, period.len, CGROUP_cpu_period_ns, 1000, row) < 0)
		return -EINVAL;
	return parse_number(quota.at, quota.len, CGROUP_cpu_quota_ns, 1000, row);
}

/* "N" at c, added to *sum. */
static int add_number(struct cursor *c, uint64_t *sum)
{
	uint64_t value;

	if (!cursor_u64(c, &value) || __builtin_add_overflow(*sum, value, sum))
		return -EINVAL;
	return 0;
}

/*
 * "8:0 rbytes=N wbytes=N rios=N ..." per device; a device without I/O may have no pairs.
 * Source: block/blk-cgroup.c, blkcg_print_one_stat().
 */
static int parse_io_stat(const char *buf, size_t len, struct cgroup *row)
{
	struct cursor c = cursor_of(buf, len), line;

	/* No device listed: no I/O yet. */
	row_set(&row->has, CGROUP_read_bytes);
	row_set(&row->has, CGROUP_written_bytes);
	while (cursor_line(&c, &line)) {
		struct span word;

		while (cursor_word(&line, &word)) {
			struct cursor pair = cursor_span(word);
			int err = 0;

			if (cursor_lit(&pair, "rbytes="))
				err = add_number(&pair, &row->read_bytes);
			else if (cursor_lit(&pair, "wbytes="))
				err = add_number(&pair, &row->written_bytes);
			if (err < 0)
				return err;
		}
	}
	return 0;
}

/*
 * "8:0 Read N", "8:0 Write N", ... per device, then "Total N".
 * Source: block/blk-cgroup.c, __blkg_prfill_rwstat().
 */
static int parse_blkio(const char *buf, size_t len, struct cgroup *row)
{
	struct cursor c = cursor_of(buf, len), line;

	/* No device listed: no I/O yet. */
	row_set(&row->has, CGROUP_read_bytes);
	row_set(&row->has, CGROUP_written_bytes);
	while (cursor_line(&c, &line)) {
		struct span dev, what;
		uint64_t other = 0;

		if (!cursor_word(&line, &dev) || span_eq(dev, "Total"))
			continue;
		if (!cursor_word(&line, &what))
			return -EINVAL;
		uint64_t *sum = span_eq(what, "Read")    ? &row->read_bytes
				: span_eq(what, "Write") ? &row->written_bytes
							 : &other;

		if (add_number(&line, sum) < 0)
			return -EINVAL;
	}
	return 0;
}

/* "some avg10=F avg60=F avg300=F total=USEC". kernel/sched/psi.c, psi_show() */
static int parse_pressure(const char *buf, size_t len, struct cgroup *row)
{
	struct cursor c = cursor_of(buf, len), line;
	struct span word;
	uint64_t value;

	while (cursor_line(&c, &line)) {
		if (!cursor_lit(&line, "some "))
			continue;
		while (cursor_word(&line, &word)) {
			struct cursor pair = cursor_span(word);

			if (!cursor_lit(&pair, "total="))
				continue;
			if (!cursor_u64(&pair, &value) ||
				__builtin_mul_overflow(value, 1000, &value))
				return -EINVAL;
			row_put(schema(), row, CGROUP_memory_stall_ns, value);
			return 0;
		}
	}
	return -ENODATA;
}

const struct cgroup_file cgroup_files[] = {
	{ "memory.current", 2, CGROUP_MEMORY, CGROUP_memory_bytes, 1 },
	{ "memory.max", 2, CGROUP_MEMORY, CGROUP_memory_max_bytes, 1 },
	{ "memory.high", 2, CGROUP_MEMORY, CGROUP_memory_high_bytes, 1 },
	{ "memory.events", 2, CGROUP_MEMORY, .parse = parse_memory_events },
	{ "memory.swap.current", 2, CGROUP_MEMORY, CGROUP_swap_bytes, 1 },
	{ "memory.pressure", 2, CGROUP_MEMORY, .parse = parse_pressure },
	{ "cpu.stat", 2, CGROUP_CORE, .parse = parse_cpu_stat },
	{ "cpu.max", 2, CGROUP_CPU, .parse = parse_cpu_max },
	{ "pids.current", 2, CGROUP_PIDS, CGROUP_pids, 1 },
	{ "pids.max", 2, CGROUP_PIDS, CGROUP_pids_max, 1 },
	{ "pids.events", 2, CGROUP_PIDS, .parse = parse_pids_events, .given = CGROUP_pids_max },
	{ "io.stat", 2, CGROUP_IO, .parse = parse_io_stat },

	{ "memory.usage_in_bytes", 1, CGROUP_MEMORY, CGROUP_memory_bytes, 1 },
	{ "memory.limit_in_bytes", 1, CGROUP_MEMORY, CGROUP_memory_max_bytes, 1 },
	{ "memory.failcnt", 1, CGROUP_MEMORY, CGROUP_memory_limit_hits, 1,
		.given = CGROUP_memory_max_bytes },
	{ "memory.oom_control", 1, CGROUP_MEMORY, .parse = parse_memory_events },
	{ "memory.memsw.usage_in_bytes", 1, CGROUP_MEMORY, CGROUP_swap_bytes, 1 },
	{ "cpu.cfs_quota_us", 1, CGROUP_CPU, CGROUP_cpu_quota_ns, 1000 },
	{ "cpu.cfs_period_us", 1, CGROUP_CPU, CGROUP_cpu_period_ns, 1000,
		.given = CGROUP_cpu_quota_ns },
	{ "cpu.stat", 1, CGROUP_CPU, .parse = parse_cpu_stat, .given = CGROUP_cpu_quota_ns },
	{ "cpuacct.usage", 1, CGROUP_CPUACCT, CGROUP_cpu_usage_ns, 1 },
	{ "pids.current", 1, CGROUP_PIDS, CGROUP_pids, 1 },
	{ "pids.max", 1, CGROUP_PIDS, CGROUP_pids_max, 1 },
	{ "pids.events", 1, CGROUP_PIDS, .parse = parse_pids_events, .given = CGROUP_pids_max },
	{ "blkio.throttle.io_service_bytes", 1, CGROUP_IO, .parse = parse_blkio },
	{ NULL },
};

int cgroup_file_parse(const struct cgroup_file *f, const char *buf, size_t len, struct cgroup *row)
{
	if (f->parse)
		return f->parse(buf, len, row);
	return parse_number(buf, len, f->column, f->scale, row);
}

uint32_t cgroup_controllers(const char *list, size_t len, uint32_t version)
{
	static const struct {
		const char *name;
		uint32_t version, controller;
	} names[] = {
		{ "memory", 3, CGROUP_MEMORY },
		{ "cpu", 3, CGROUP_CPU },
		{ "cpuacct", 1, CGROUP_CPUACCT },
		{ "pids", 3, CGROUP_PIDS },
		{ "io", 2, CGROUP_IO },
		{ "blkio", 1, CGROUP_IO },
	};
	uint32_t found = version == 2 ? CGROUP_CORE : 0;

	for (size_t from = 0, to; from < len; from = to + 1) {
		for (to = from; to < len && !strchr(", \n\t", list[to]);)
			to++;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			if (names[i].version & version &&
				span_eq((struct span){ list + from, to - from }, names[i].name))
				found |= names[i].controller;
		}
	}
	return found;
}

/* One file as a row of its own: what the fuzzer and the tests call. */
static int parse_alone(int (*parse)(const char *buf, size_t len, struct cgroup *row),
	const char *buf, size_t len, struct table *t)
{
	struct cgroup row = { 0 };
	int err = parse(buf, len, &row);

	if (err < 0)
		return err;
	struct cgroup *to = table_add(t);

	if (!to)
		return -ENOMEM;
	*to = row;
	return 0;
}

static int parse_limit(const char *buf, size_t len, struct cgroup *row)
{
	return parse_number(buf, len, CGROUP_memory_max_bytes, 1, row);
}

int cgroup_limit_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_limit, buf, len, t);
}

int cgroup_cpu_stat_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_cpu_stat, buf, len, t);
}

int cgroup_cpu_max_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_cpu_max, buf, len, t);
}

int cgroup_memory_events_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_memory_events, buf, len, t);
}

int cgroup_pids_events_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_pids_events, buf, len, t);
}

int cgroup_io_stat_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_io_stat, buf, len, t);
}

int cgroup_blkio_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_blkio, buf, len, t);
}

int cgroup_pressure_parse(const char *buf, size_t len, struct table *t)
{
	return parse_alone(parse_pressure, buf, len, t);
}
