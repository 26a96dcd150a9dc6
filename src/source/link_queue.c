/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { QUEUES_MAX = 1024 };

static const struct link *link_of(const struct probe *p, uint64_t index)
{
	for (table_each(const struct link, l, probe_used(p, TABLE_link))) {
		if (l->netns == 0 && l->index == index)
			return l;
	}
	return NULL;
}

/* rps_cpus is a mask such as "00000000,0000000f": does it name a CPU? */
static bool spreads(struct probe *p, const char *path)
{
	char mask[4096];
	int n = probe_line(p, path, mask, sizeof(mask));

	return n > 0 && mask[strspn(mask, "0,")] != '\0';
}

/* The CPUs of the card's NUMA node. -1: it has none, or the firmware does not tell. */
static void read_node(struct probe *p, struct table *t, void *row, const char *name)
{
	char path[96], cpus[1024];
	uint64_t node;

	snprintf(path, sizeof(path), "sys/class/net/%.32s/device/numa_node", name);
	int err = probe_number(p, path, &node);

	if (err == -ENOENT) { /* a device of virtio: it is the PCI device above that has one */
		snprintf(path, sizeof(path), "sys/class/net/%.32s/device/../numa_node", name);
		err = probe_number(p, path, &node);
	}
	if (err < 0)
		return;
	snprintf(path, sizeof(path), "sys/devices/system/node/node%llu/cpulist",
		(unsigned long long)node);
	int n = probe_line(p, path, cpus, sizeof(cpus));

	if (n > 0)
		row_put(t->schema, row, LINK_QUEUE_near_cpus, table_intern(t, cpus, (size_t)n));
}

static int read_queues(struct probe *p, struct table *t, const char *name, uint64_t index)
{
	uint64_t rx = 0, tx = 0, rps = 0;
	auto_strbuf names = { 0 };
	char path[160];

	snprintf(path, sizeof(path), "sys/class/net/%.32s/queues", name);
	int err = host_list(p->host, path, &names);

	if (err < 0)
		return err;
	for (const char *q = NULL; (q = host_next_name(&names, q));) {
		tx += strncmp(q, "tx-", 3) == 0;
		if (strncmp(q, "rx-", 3) != 0 || rx++ >= QUEUES_MAX)
			continue;
		snprintf(path, sizeof(path), "sys/class/net/%.32s/queues/%.32s/rps_cpus", name, q);
		rps += spreads(p, path);
	}
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, LINK_QUEUE_index, index);
	row_put(t->schema, row, LINK_QUEUE_rx_queues, rx);
	row_put(t->schema, row, LINK_QUEUE_tx_queues, tx);
	row_put(t->schema, row, LINK_QUEUE_rps_queues, rps);
	read_node(p, t, row, name);
	return 0;
}

static int read_link_queue(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_link_queue);

	for (size_t i = 0; t && i < p->n_asked[TABLE_link_queue]; i++) {
		uint64_t index = p->asked[TABLE_link_queue][i];
		const struct link *l = link_of(p, index);

		if (probe_late(p)) {
			table_fail(t, STATE_LATE, "%zu of %zu interfaces in time", i,
				p->n_asked[TABLE_link_queue]);
			return 0;
		}
		if (!l)
			continue;
		int err = read_queues(p, t, table_text(probe_used(p, TABLE_link), l->name), index);

		if (err == -ENOMEM)
			return err;
	}
	if (t)
		t->state = STATE_OK;
	return 0;
}

const struct source source_link_queue = {
	.name = "link_queue",
	.fills = { TABLE_link_queue },
	.uses = { TABLE_link },
	.cost = COST_ASKED,
	.deadline_ns = 300000000,
	.read = read_link_queue,
};
