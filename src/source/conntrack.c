/* SPDX-License-Identifier: MIT */
#include "source/netns.h"
#include "source/stat_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * Parse /proc/net/stat/nf_conntrack of one namespace into a row whose netns is 0: of another the
 * caller changes it.
 *
 * Shape:  a line of names, a line of hexadecimal counters for each CPU.
 * Errors: -EINVAL malformed, -ENODATA no CPU or no column "drop".
 * Source: net/netfilter/nf_conntrack_standalone.c, ct_cpu_seq_show(); 3.10 to 6.18.
 */
int conntrack_parse(const char *buf, size_t len, struct table *t)
{
	static const struct key keys[] = {
		{ "drop", CONNTRACK_drops },
		{ "early_drop", CONNTRACK_early_drops },
		{ "insert_failed", CONNTRACK_insert_failed },
	};
	struct conntrack sum = { 0 };
	int err = stat_table_sum(buf, len, keys, ARRAY_SIZE(keys), "entries", t->schema, &sum);

	if (err < 0)
		return err;
	if (!row_has(sum.has, CONNTRACK_drops))
		return -ENODATA;
	row_put(t->schema, &sum, CONNTRACK_netns, 0);
	struct conntrack *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = sum;
	return 0;
}

static int read_namespace(struct probe *p, struct table *t, const char *path)
{
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, path, 1 << 20, &text);

	return err < 0 ? err : conntrack_parse(strbuf_text(&text), text.len, t);
}

/* Where nothing tracks connections there is no such file, in no namespace: nothing can be full. */
static int read_conntrack(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_conntrack);
	const struct netns *ns = NULL;
	int err = t ? read_namespace(p, t, "proc/net/stat/nf_conntrack") : 0;

	if (!t || err < 0)
		return err;
	t->state = STATE_OK;
	while ((ns = netns_next(p, ns, NETNS_READ_MAX, &t->lost))) {
		char path[64];

		snprintf(path, sizeof(path), "proc/%llu/net/stat/nf_conntrack",
			(unsigned long long)ns->pid);
		err = read_namespace(p, t, path);
		if (err == -ENOMEM)
			return err;
		if (err == 0)
			row_put(t->schema, table_at(t, t->n - 1), CONNTRACK_netns, ns->netns);
	}
	return 0;
}

const struct source source_conntrack = {
	.name = "conntrack",
	.fills = { TABLE_conntrack },
	.uses = { TABLE_netns },
	.deadline_ns = 300000000,
	.read = read_conntrack,
};
