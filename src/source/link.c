/* SPDX-License-Identifier: MIT */
/* Interfaces and their queueing disciplines by rtnetlink. */
#include "source/netlink.h"
#include "source/netns.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* More than that are counted as lost: a source as short as this cannot take thousands. */
enum { ROWS_MAX = 4096 };

static void put_name(struct table *t, void *row, unsigned int column, const struct nl_attribute *a)
{
	size_t len = strnlen(a->data, a->len);
	text_t text = table_intern(t, a->data, len);

	memcpy((char *)row + t->schema->columns[column].offset, &text, sizeof(text));
	if (text)
		row_set(row, column);
}

static void put_counters(struct table *t, struct link *row, const struct nl_attribute *a)
{
#define AT(column, field)                                                \
	{                                                                \
		LINK_##column, offsetof(struct rtnl_link_stats64, field) \
	}
	static const struct {
		unsigned int column;
		size_t offset;
	} counters[] = {
		AT(rx_packets, rx_packets),
		AT(tx_packets, tx_packets),
		AT(rx_bytes, rx_bytes),
		AT(tx_bytes, tx_bytes),
		AT(rx_errors, rx_errors),
		AT(tx_errors, tx_errors),
		AT(rx_dropped, rx_dropped),
		AT(tx_dropped, tx_dropped),
		AT(rx_missed, rx_missed_errors),
		AT(rx_fifo, rx_fifo_errors),
		AT(rx_crc, rx_crc_errors),
		AT(tx_carrier, tx_carrier_errors),
	};
#undef AT
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		uint64_t value;

		if (counters[i].offset + sizeof(value) > a->len)
			continue;
		memcpy(&value, a->data + counters[i].offset, sizeof(value));
		row_put(t->schema, row, counters[i].column, value);
	}
}

static int put_kind(struct table *t, struct link *row, const struct nl_attribute *info)
{
	struct cursor c = cursor_of(info->data, info->len);
	struct nl_attribute a;
	int more;

	while ((more = nl_attribute(&c, &a)) > 0) {
		if (a.type == IFLA_INFO_KIND)
			put_name(t, row, LINK_kind, &a);
	}
	return more;
}

static void put_mtu(struct table *t, struct link *row, const struct nl_attribute *a)
{
	uint32_t mtu;

	if (a->len < sizeof(mtu))
		return;
	memcpy(&mtu, a->data, sizeof(mtu));
	row_put(t->schema, row, LINK_mtu_bytes, mtu);
}

static int take_link(struct table *t, struct cursor c)
{
	struct ifinfomsg head;
	struct nl_attribute a;
	int more;

	if (!nl_take(&c, &head, sizeof(head)) || head.ifi_index <= 0)
		return -EINVAL;
	struct link *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, LINK_netns, 0);
	row_put(t->schema, row, LINK_index, (uint64_t)head.ifi_index);
	row_put(t->schema, row, LINK_type, head.ifi_type);
	row_put(t->schema, row, LINK_flags, head.ifi_flags);
	while ((more = nl_attribute(&c, &a)) > 0) {
		if (a.type == IFLA_IFNAME)
			put_name(t, row, LINK_name, &a);
		else if (a.type == IFLA_QDISC)
			put_name(t, row, LINK_qdisc, &a);
		else if (a.type == IFLA_STATS64)
			put_counters(t, row, &a);
		else if (a.type == IFLA_MTU)
			put_mtu(t, row, &a);
		else if (a.type == IFLA_LINKINFO && put_kind(t, row, &a) < 0)
			return -EINVAL;
	}
	return more < 0 || row_has(row->has, LINK_name) ? more : -EINVAL;
}

/* What grew over time is read as far as it goes: a whole number of 4 or 8 bytes at offset. */
static uint64_t number(const struct nl_attribute *a, size_t offset, size_t width)
{
	uint64_t wide;
	uint32_t narrow;

	if (width == sizeof(wide)) {
		memcpy(&wide, a->data + offset, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, a->data + offset, sizeof(narrow));
	return narrow;
}

/* struct gnet_stats_basic and gnet_stats_queue; the former's size has padding that varies. */
static int put_stats(struct table *t, struct qdisc *row, const struct nl_attribute *stats)
{
	static const struct {
		uint16_t type;
		uint16_t offset, width;
		unsigned int column;
	} cells[] = {
		{ TCA_STATS_BASIC, 0, 8, QDISC_bytes },
		{ TCA_STATS_BASIC, 8, 4, QDISC_packets },
		{ TCA_STATS_QUEUE, 0, 4, QDISC_backlog_packets },
		{ TCA_STATS_QUEUE, 4, 4, QDISC_backlog_bytes },
		{ TCA_STATS_QUEUE, 8, 4, QDISC_drops },
		{ TCA_STATS_QUEUE, 12, 4, QDISC_requeues },
		{ TCA_STATS_QUEUE, 16, 4, QDISC_overlimits },
	};
	struct cursor c = cursor_of(stats->data, stats->len);
	struct nl_attribute a;
	int more;

	while ((more = nl_attribute(&c, &a)) > 0) {
		for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
			if (a.type == cells[i].type &&
				(size_t)cells[i].offset + cells[i].width <= a.len)
				row_put(t->schema, row, cells[i].column,
					number(&a, cells[i].offset, cells[i].width));
		}
	}
	return more;
}

static int take_qdisc(struct table *t, struct cursor c)
{
	struct tcmsg head;
	struct nl_attribute a;
	int more;

	if (!nl_take(&c, &head, sizeof(head)) || head.tcm_ifindex <= 0)
		return -EINVAL;
	struct qdisc *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, QDISC_netns, 0);
	row_put(t->schema, row, QDISC_index, (uint64_t)head.tcm_ifindex);
	row_put(t->schema, row, QDISC_parent, head.tcm_parent);
	row_put(t->schema, row, QDISC_handle, head.tcm_handle);
	while ((more = nl_attribute(&c, &a)) > 0) {
		if (a.type == TCA_KIND)
			put_name(t, row, QDISC_kind, &a);
		else if (a.type == TCA_STATS2 && put_stats(t, row, &a) < 0)
			return -EINVAL;
	}
	return more < 0 || row_has(row->has, QDISC_kind) ? more : -EINVAL;
}

static int parse(const char *buf, size_t len, struct table *t, uint16_t type,
	int (*take)(struct table *t, struct cursor body))
{
	struct cursor c = cursor_of(buf, len);
	size_t before = t->n;
	struct nl_message m;
	int more;

	while ((more = nl_message(&c, &m)) > 0) {
		if (m.type != type)
			continue;
		if (t->n < ROWS_MAX)
			more = take(t, m.body);
		else
			t->lost++;
		if (more < 0)
			break;
	}
	if (more < 0)
		table_cut(t, before);
	return more;
}

/*
 * Parse an answer of rtnetlink to RTM_GETLINK into rows whose netns is 0: of another namespace the
 * caller changes it. Pure: the fuzzer calls it directly.
 *
 * Shape:  netlink messages: ifinfomsg, then attributes.
 * Errors: -EINVAL a length that does not fit, or an interface without a name.
 * Source: net/core/rtnetlink.c, rtnl_fill_ifinfo(); rtnl_link_stats64 only ever grew at its end.
 */
int link_parse(const char *buf, size_t len, struct table *t)
{
	return parse(buf, len, t, RTM_NEWLINK, take_link);
}

/*
 * The same for RTM_GETQDISC: tcmsg, then attributes.
 *
 * Source: net/sched/sch_api.c, tc_fill_qdisc(); net/core/gen_stats.c.
 */
int qdisc_parse(const char *buf, size_t len, struct table *t)
{
	return parse(buf, len, t, RTM_NEWQDISC, take_qdisc);
}

struct dump {
	struct probe *probe;
	struct table *t;
	int (*parse)(const char *buf, size_t len, struct table *t);
};

static int take_chunk(void *arg, const char *buf, size_t len)
{
	struct dump *d = arg;

	return probe_late(d->probe) ? -ETIME : d->parse(buf, len, d->t);
}

static int dump_netns(struct dump *d, enum host_route what, uint64_t netns, uint64_t pid)
{
	size_t before = d->t->n;
	int err = host_route_dump(d->probe->host, netns, pid, what, take_chunk, d);

	/* Both tables have it as their first key. */
	for (size_t i = before; i < d->t->n; i++)
		row_put(d->t->schema, table_at(d->t, i), LINK_netns, netns);
	return err;
}

/* 0; -EIO: stuck in another namespace, so that "own" is no longer ours. */
static int read_all(struct dump *d, enum host_route what)
{
	struct table *t = d->t;
	size_t n = 0;
	int err = dump_netns(d, what, 0, 0);

	if (err < 0) {
		table_fail(t, state_of_errno(err), "rtnetlink: %s", strerror(-err));
		return 0;
	}
	t->state = STATE_OK;
	for (table_each(const struct netns, ns, probe_used(d->probe, TABLE_netns))) {
		if (ns->netns == 0)
			continue;
		err = ++n < NETNS_READ_MAX ? dump_netns(d, what, ns->netns, ns->pid) : -ENOSPC;
		if (err < 0 && !netns_is_gone(err))
			t->lost++;
		if (err == -ETIME || err == -EIO) {
			table_fail(t, STATE_LATE, "not all network namespaces were read");
			return err == -EIO ? err : 0;
		}
	}
	return 0;
}

static int read_link(struct probe *p)
{
	struct dump links = { p, probe_table(p, TABLE_link), link_parse };
	struct dump qdiscs = { p, probe_table(p, TABLE_qdisc), qdisc_parse };

	int err = links.t ? read_all(&links, HOST_LINKS) : 0;

	if (err < 0 && qdiscs.t)
		table_fail(qdiscs.t, STATE_BROKEN, "the way back to the own namespace is barred");
	else if (qdiscs.t)
		read_all(&qdiscs, HOST_QDISCS);
	return 0;
}

const struct source source_link = {
	.name = "link",
	.fills = { TABLE_link, TABLE_qdisc },
	.uses = { TABLE_netns },
	.manner = MANNER_RISKY,
	.deadline_ns = 400000000,
	.read = read_link,
};
