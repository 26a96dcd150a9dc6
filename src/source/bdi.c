/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLASS "sys/class/bdi"
#define STATS "sys/kernel/debug/bdi"

enum { KIB = 1024 };

static const struct key keys[] = {
	{ "BdiWriteback:", BDI_writeback_bytes, KIB },
	{ "BdiReclaimable:", BDI_dirty_bytes, KIB },
	{ "BdiDirtyThresh:", BDI_threshold_bytes, KIB },
	{ "BdiDirtied:", BDI_dirtied_bytes, KIB },
	{ "BdiWritten:", BDI_written_bytes, KIB },
	{ "BdiWriteBandwidth:", BDI_bandwidth_bytes_per_s, KIB },
};

/*
 * Parse the debugfs stats of one backing device into a row. dev stays absent: the file does not
 * say it.
 *
 * Shape:  "Name:   N kB", BdiWriteBandwidth in kBps; others (state in hexadecimal) are skipped.
 * Errors: -EINVAL malformed or repeated line, -ENODATA BdiReclaimable or BdiDirtyThresh missing.
 * Source: mm/backing-dev.c, bdi_debug_stats_show(); 3.10 to 6.18.
 */
int bdi_parse(const char *buf, size_t len, struct table *t)
{
	struct bdi b = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	uint64_t seen = 0, value;
	struct span name;

	while (cursor_line(&c, &line)) {
		if (!cursor_word(&line, &name))
			continue;
		if (!span_starts(name, "Bdi"))
			continue;
		if (!cursor_u64(&line, &value) ||
			(!cursor_lit(&line, " kB") && !cursor_lit(&line, " kBps")))
			return -EINVAL;
		int err = keys_put(keys, ARRAY_SIZE(keys), &seen, name, value, t->schema, &b);

		if (err < 0)
			return err;
	}
	if (!row_has(b.has, BDI_dirty_bytes) || !row_has(b.has, BDI_threshold_bytes))
		return -ENODATA;
	struct bdi *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = b;
	return 0;
}

/* "254:0". Names of other kinds (btrfs-1, mtd-0) have no device to be joined by. */
static bool parse_dev(const char *name, uint64_t *ret_dev)
{
	struct cursor c = cursor_of(name, strlen(name));
	uint64_t major, minor;

	if (!cursor_u64(&c, &major) || !cursor_lit(&c, ":") || !cursor_u64(&c, &minor) ||
		!cursor_end(&c) || major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	*ret_dev = major << 32 | minor;
	return true;
}

static int read_number(struct probe *p, const char *name, const char *file, uint64_t *ret_value)
{
	char path[320];

	snprintf(path, sizeof(path), CLASS "/%s/%s", name, file);
	return probe_number(p, path, ret_value);
}

/* One device; *debugfs is the error of the first stats file that failed, and ends asking more. */
static int read_device(
	struct probe *p, struct table *t, const char *name, uint64_t dev, int *debugfs)
{
	char path[320], text[2048];
	size_t before = t->n;
	uint64_t value;

	if (*debugfs == 0) {
		snprintf(path, sizeof(path), STATS "/%s/stats", name);
		ssize_t n = host_read(p->host, path, text, sizeof(text));

		*debugfs = n < 0 ? (int)n : bdi_parse(text, (size_t)n, t);
	}
	struct bdi *row = t->n > before ? table_at(t, before) : table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, BDI_dev, dev);
	int err = read_number(p, name, "strict_limit", &value);

	if (err == 0)
		row_put(t->schema, row, BDI_strict_limit, value);
	else
		t->cell[BDI_strict_limit] = (uint8_t)state_of_errno(err);
	err = read_number(p, name, "max_ratio", &value);
	if (err == 0 && value <= 100) {
		row->max_ratio = (double)value / 100;
		row_set(&row->has, BDI_max_ratio);
	} else {
		t->cell[BDI_max_ratio] = (uint8_t)state_of_errno(err < 0 ? err : -EINVAL);
	}
	return 0;
}

static void explain(struct table *t, int debugfs)
{
	enum state state = state_of_errno(debugfs);

	for (unsigned int i = BDI_dirty_bytes; i <= BDI_bandwidth_bytes_per_s; i++)
		t->cell[i] = (uint8_t)state;
	if (state == STATE_ABSENT)
		snprintf(t->why, sizeof(t->why),
			"dirty pages by device: debugfs is not mounted at /sys/kernel/debug");
	else if (state == STATE_DENIED)
		snprintf(t->why, sizeof(t->why),
			"dirty pages by device: /sys/kernel/debug is for root without lockdown");
	else
		snprintf(t->why, sizeof(t->why), "dirty pages by device: /" STATS ": %s",
			debugfs == -ENODATA || debugfs == -EINVAL
				? "not in the form that this murphy knows"
				: strerror(-debugfs));
}

static int read_bdi(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_bdi);
	auto_strbuf names = { 0 };
	uint64_t dev;
	int debugfs = 0;

	if (!t)
		return 0;
	int err = host_list(p->host, CLASS, &names);

	if (err < 0)
		return err;
	t->state = STATE_OK;
	for (const char *name = NULL; (name = host_next_name(&names, name));) {
		if (probe_late(p)) {
			table_fail(
				t, STATE_LATE, "/" CLASS " holds more devices than time allowed");
			return 0;
		}
		if (!parse_dev(name, &dev))
			continue;
		err = read_device(p, t, name, dev, &debugfs);
		if (err < 0)
			return err;
	}
	if (debugfs < 0)
		explain(t, debugfs);
	return 0;
}

const struct source source_bdi = {
	.name = "bdi",
	.fills = { TABLE_bdi },
	.deadline_ns = 500000000,
	.read = read_bdi,
};
