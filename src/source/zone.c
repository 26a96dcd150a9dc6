/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>

/* What the parsers take a page for; the source corrects where the machine's are larger. */
enum { PAGE = 4096 };

static const struct key keys[] = {
	{ "free", ZONE_free_bytes, PAGE },
	{ "min", ZONE_min_bytes, PAGE },
	{ "low", ZONE_low_bytes, PAGE },
	{ "high", ZONE_high_bytes, PAGE },
	{ "managed", ZONE_managed_bytes, PAGE },
};

/* "Node 0, zone   Normal", as both zoneinfo and buddyinfo begin a zone. */
static bool parse_node(struct cursor *line, uint64_t *ret_node, struct span *ret_zone)
{
	if (!cursor_lit(line, "Node") || !cursor_u64(line, ret_node) || *ret_node > UINT32_MAX ||
		!cursor_lit(line, ", zone") || !cursor_word(line, ret_zone))
		return false;
	return *ret_zone->at != '\0';
}

static int begin_zone(struct cursor *line, struct table *t)
{
	uint64_t node;
	struct span name;

	if (!parse_node(line, &node, &name))
		return -EINVAL;
	struct zone *z = table_add(t);

	if (!z)
		return -ENOMEM;
	row_put(t->schema, z, ZONE_node, node);
	row_put(t->schema, z, ZONE_name, table_intern(t, name.at, name.len));
	return z->name ? 0 : -ENOMEM;
}

/* One without memory is dropped: old kernels hide it. */
static int end_zone(struct table *t)
{
	const struct zone *z = table_at(t, t->n - 1);

	for (unsigned int i = ZONE_free_bytes; i <= ZONE_high_bytes; i++) {
		if (!row_has(z->has, i))
			return -ENODATA;
	}
	if (row_has(z->has, ZONE_managed_bytes) && z->managed_bytes == 0)
		table_drop_last(t);
	return 0;
}

/* "count: N": what one CPU keeps for itself. */
static int add_per_cpu(struct cursor *line, struct zone *z)
{
	uint64_t value;

	if (!cursor_u64(line, &value) || __builtin_mul_overflow(value, PAGE, &value) ||
		__builtin_add_overflow(value, z->per_cpu_bytes, &value))
		return -EINVAL;
	row_put(schemas[TABLE_zone], z, ZONE_per_cpu_bytes, value);
	return 0;
}

static int parse_zones(struct cursor c, struct table *t)
{
	struct cursor line;
	struct span word;
	uint64_t seen = 0, value;
	bool open = false;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		struct cursor peek = line;

		if (!cursor_word(&peek, &word))
			continue;
		if (span_eq(word, "Node")) {
			err = open ? end_zone(t) : 0;
			if (err == 0)
				err = begin_zone(&line, t);
			seen = 0;
			open = true;
			continue;
		}
		if (!open)
			return -EINVAL;
		if (span_eq(word, "pages") && !cursor_word(&peek, &word))
			return -EINVAL;
		if (span_eq(word, "count:")) {
			err = add_per_cpu(&peek, table_at(t, t->n - 1));
			continue;
		}
		if (cursor_u64(&peek, &value))
			err = keys_put(keys, ARRAY_SIZE(keys), &seen, word, value, t->schema,
				table_at(t, t->n - 1));
	}
	if (err == 0 && open)
		err = end_zone(t);
	return err < 0 ? err : open ? 0 : -ENODATA;
}

/*
 * Parse /proc/zoneinfo. Zones without managed memory make no row.
 *
 * Shape:  "Node N, zone NAME", then indented "pages free N", "min N", "low N", "high N", "managed
 *         N" (since 3.9) among much else: statistics; of the page set of
 *         each CPU "count: N".
 * Units:  pages, taken for 4096 bytes.
 * Errors: -EINVAL malformed or repeated line, -ENODATA no zone or one without its watermarks.
 * Source: mm/vmstat.c, zoneinfo_show_print(); 3.10 to 6.18.
 */
int zone_parse(const char *buf, size_t len, struct table *t)
{
	size_t before = t->n;
	int err = parse_zones(cursor_of(buf, len), t);

	if (err < 0)
		table_cut(t, before);
	return err;
}

static int parse_orders(struct cursor *line, struct table *t)
{
	uint64_t node, blocks;
	struct span name;

	if (!parse_node(line, &node, &name))
		return -EINVAL;
	for (uint32_t order = 0; cursor_u64(line, &blocks); order++) {
		struct buddy *b = order < 64 ? table_add(t) : NULL;

		if (!b)
			return order < 64 ? -ENOMEM : -EINVAL;
		row_put(t->schema, b, BUDDY_node, node);
		row_put(t->schema, b, BUDDY_zone, table_intern(t, name.at, name.len));
		row_put(t->schema, b, BUDDY_order, order);
		row_put(t->schema, b, BUDDY_free_blocks, blocks);
		if (!b->zone)
			return -ENOMEM;
	}
	cursor_blank(line);
	return cursor_end(line) ? 0 : -EINVAL;
}

/*
 * Parse /proc/buddyinfo: a row for each zone and order.
 *
 * Shape:  "Node N, zone NAME n0 n1 ... n10": free blocks of 2^i pages.
 * Errors: -EINVAL malformed line, -ENODATA no line.
 * Source: mm/vmstat.c, frag_show_print(); the same from 2.6 to 6.18.
 */
int buddy_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_end(&line))
			err = parse_orders(&line, t);
	}
	if (err == 0 && t->n == before)
		err = -ENODATA;
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_zone(struct probe *p)
{
	static const unsigned int columns[] = { ZONE_free_bytes, ZONE_min_bytes, ZONE_low_bytes,
		ZONE_high_bytes, ZONE_managed_bytes, ZONE_per_cpu_bytes };

	probe_parse(p, TABLE_zone, "proc/zoneinfo", 4 << 20, zone_parse);
	probe_rescale(p, TABLE_zone, columns, ARRAY_SIZE(columns));
	return probe_parse(p, TABLE_buddy, "proc/buddyinfo", 1 << 20, buddy_parse);
}

const struct source source_zone = {
	.name = "zone",
	.fills = { TABLE_zone, TABLE_buddy },
	.deadline_ns = 500000000,
	.read = read_zone,
};
