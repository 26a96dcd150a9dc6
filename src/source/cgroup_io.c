/* SPDX-License-Identifier: MIT */
/* What limits a control group's I/O, by device: asked by the id of the group. */
#include "base/cursor.h"
#include "source/cgroup_tree.h"

#include <errno.h>
#include <string.h>

enum { FILE_BYTES_MAX = 16384, PATH_BYTES_MAX = 4096 };

/* A name in io.max, and the file of version 1 that says the same. */
static const struct limit {
	const char *word, *file;
	unsigned int column;
} limits[] = {
	{ "rbps=", "blkio.throttle.read_bps_device", CGROUP_IO_read_bytes_max_per_s },
	{ "wbps=", "blkio.throttle.write_bps_device", CGROUP_IO_write_bytes_max_per_s },
	{ "riops=", "blkio.throttle.read_iops_device", CGROUP_IO_reads_max_per_s },
	{ "wiops=", "blkio.throttle.write_iops_device", CGROUP_IO_writes_max_per_s },
};

static bool device_of(struct cursor *line, uint64_t *ret_dev)
{
	uint64_t major, minor;

	if (!cursor_u64(line, &major) || !cursor_lit(line, ":") || !cursor_u64(line, &minor) ||
		major > UINT32_MAX || minor > UINT32_MAX)
		return false;
	*ret_dev = major << 32 | minor;
	return true;
}

static int parse_max(struct cursor *line, struct table *t)
{
	struct cgroup_io row = { 0 };
	struct span word;
	uint64_t dev, value;

	if (!device_of(line, &dev))
		return -EINVAL;
	row_put(t->schema, &row, CGROUP_IO_dev, dev);
	while (cursor_word(line, &word)) {
		for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
			struct cursor pair = cursor_span(word);

			if (!cursor_lit(&pair, limits[i].word) || cursor_lit(&pair, "max"))
				continue;
			if (!cursor_u64(&pair, &value))
				return -EINVAL;
			row_put(t->schema, &row, limits[i].column, value);
		}
	}
	struct cgroup_io *to = table_add(t);

	if (!to)
		return -ENOMEM;
	*to = row;
	return 0;
}

/*
 * Parse io.max of version 2; the rows have no id. Pure.
 *
 * Shape:  "8:0 rbps=N wbps=max riops=N wiops=max", a device per line; none is no error.
 * Errors: -EINVAL malformed.
 * Source: block/blk-throttle.c, tg_prfill_limit().
 */
int cgroup_io_max_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_end(&line))
			err = parse_max(&line, t);
	}
	if (err < 0)
		table_cut(t, before);
	return err;
}

/* The row of dev from row first on, made when it is not there; NULL when memory is out. */
static struct cgroup_io *row_of(struct table *t, size_t first, uint64_t dev)
{
	for (size_t i = first; i < t->n; i++) {
		struct cgroup_io *row = table_at(t, i);

		if (row->dev == dev)
			return row;
	}
	struct cgroup_io *row = table_add(t);

	if (row)
		row_put(t->schema, row, CGROUP_IO_dev, dev);
	return row;
}

static int parse_throttle(
	const char *buf, size_t len, struct table *t, size_t first, unsigned int column)
{
	struct cursor c = cursor_of(buf, len), line;

	while (cursor_line(&c, &line)) {
		uint64_t dev, value;

		if (cursor_end(&line))
			continue;
		if (!device_of(&line, &dev) || !cursor_u64(&line, &value))
			return -EINVAL;
		struct cgroup_io *row = row_of(t, first, dev);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, column, value);
	}
	return 0;
}

/*
 * Parse a file blkio.throttle.*_device of version 1, as the limit of bytes read; the rows have no
 * id. Pure.
 *
 * Shape:  "8:0 N", a device per line; none is no error.
 * Errors: -EINVAL malformed.
 * Source: block/blk-throttle.c, tg_print_conf_u64().
 */
int cgroup_throttle_parse(const char *buf, size_t len, struct table *t)
{
	size_t before = t->n;
	int err = parse_throttle(buf, len, t, before, CGROUP_IO_read_bytes_max_per_s);

	if (err < 0)
		table_cut(t, before);
	return err;
}

/* The limits of a group in a hierarchy that may have them. 0 or -errno. */
static int read_hierarchy(
	struct cgroup_asked *a, struct table *t, const struct cgroup_hierarchy *h, const char *path)
{
	char name[PATH_BYTES_MAX], buf[FILE_BYTES_MAX];
	size_t first = t->n;
	int err = -ENOENT;

	for (size_t i = 0; i < (h->version == 2 ? 1 : ARRAY_SIZE(limits)); i++) {
		const char *file = h->version == 2 ? "io.max" : limits[i].file;

		if (!cgroup_path(a->hierarchies, h, path, file, name, sizeof(name)))
			return -ENAMETOOLONG;
		ssize_t len = host_read(a->p->host, name, buf, sizeof(buf));

		if (len < 0)
			return (int)len;
		err = h->version == 2
			      ? cgroup_io_max_parse(buf, (size_t)len, t)
			      : parse_throttle(buf, (size_t)len, t, first, limits[i].column);
		if (err < 0)
			return err;
	}
	return err;
}

/* The root of version 2 has no limits, and many hosts have no controller: no file is no limit. */
static int read_group(struct cgroup_asked *a, struct table *t, const char *path, uint64_t id)
{
	int err = -ENOENT;

	for (table_each(struct cgroup_hierarchy, h, a->hierarchies)) {
		size_t first = t->n;

		if (!(cgroup_hierarchy_has(a->hierarchies, h) & (CGROUP_IO | CGROUP_CORE)))
			continue;
		err = read_hierarchy(a, t, h, path);
		if (err < 0) {
			table_cut(t, first);
			continue;
		}
		for (size_t i = first; i < t->n; i++)
			row_put(t->schema, table_at(t, i), CGROUP_IO_id, id);
	}
	return err == -ENOENT ? 0 : err;
}

static int read_cgroup_io(struct probe *p)
{
	struct cgroup_asked a;
	int err = cgroup_asked_init(&a, p);

	if (err == 0)
		err = cgroup_asked_read(&a, TABLE_cgroup_io, read_group);
	cgroup_asked_release(&a);
	return err;
}

const struct source source_cgroup_io = {
	.name = "cgroup_io",
	.fills = { TABLE_cgroup_io },
	.uses = { TABLE_cgroup },
	.cost = COST_ASKED,
	.deadline_ns = 300000000,
	.denied = "needs root",
	.read = read_cgroup_io,
};
