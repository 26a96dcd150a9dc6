/* SPDX-License-Identifier: MIT */
#include "source/source.h"
#include "source/stat_table.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * Parse /proc/net/stat/arp_cache or ndisc_cache into a row whose family is AF_INET: of the other
 * the caller changes it.
 *
 * Shape:  a line of names, a line of hexadecimal numbers for each CPU; entries is the same in each.
 * Errors: -EINVAL malformed, -ENODATA no CPU or no column "entries".
 * Source: net/core/neighbour.c, neigh_stat_seq_show(); 3.10 to 6.18.
 */
int neighbor_parse(const char *buf, size_t len, struct table *t)
{
	static const struct key keys[] = {
		{ "entries", NEIGHBOR_entries },
		{ "table_fulls", NEIGHBOR_full },
		{ "unresolved_discards", NEIGHBOR_unresolved_discards },
	};
	struct neighbor sum = { 0 };
	int err = stat_table_sum(buf, len, keys, ARRAY_SIZE(keys), "entries", t->schema, &sum);

	if (err < 0)
		return err;
	if (!row_has(sum.has, NEIGHBOR_entries))
		return -ENODATA;
	row_put(t->schema, &sum, NEIGHBOR_family, AF_INET);
	struct neighbor *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = sum;
	return 0;
}

static int read_neighbor(struct probe *p)
{
	static const struct {
		unsigned int family;
		const char *path, *limit;
	} tables[] = {
		{ AF_INET, "proc/net/stat/arp_cache",
			"proc/sys/net/ipv4/neigh/default/gc_thresh3" },
		{ AF_INET6, "proc/net/stat/ndisc_cache",
			"proc/sys/net/ipv6/neigh/default/gc_thresh3" },
	};
	struct table *t = probe_table(p, TABLE_neighbor);
	auto_strbuf text = { 0 };
	int first = 0;

	for (size_t i = 0; t && i < ARRAY_SIZE(tables); i++) {
		uint64_t limit;
		int err = host_read_all(p->host, tables[i].path, 1 << 20, &text);

		if (err == 0)
			err = neighbor_parse(strbuf_text(&text), text.len, t);
		first = i == 0 ? err : first;
		if (err < 0)
			continue;
		void *row = table_at(t, t->n - 1);

		row_put(t->schema, row, NEIGHBOR_family, tables[i].family);
		if (probe_number(p, tables[i].limit, &limit) == 0)
			row_put(t->schema, row, NEIGHBOR_limit, limit);
	}
	if (t && t->n > 0)
		t->state = STATE_OK;
	return t && t->n == 0 ? first : 0;
}

const struct source source_neighbor = {
	.name = "neighbor",
	.fills = { TABLE_neighbor },
	.deadline_ns = 300000000,
	.read = read_neighbor,
};
