/* SPDX-License-Identifier: MIT */
/* Parsers of interfaces, UDP sockets and the tables of the network stack; ports counted by peer. */
#include "source/netns.h"
#include "source/source.h"
#include "source/tcp_flows.h"
#include "tests/unit/parse.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void softirqs_by_cpu(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_softirq]);

	assert_int_equal(parse_corpus("softirq/cpu1-offline-handmade", softirq_parse, t), 0);
	const struct softirq *s = table_at(t, 0);

	assert_int_equal(t->n, 2);
	assert_int_equal(s[1].cpu, 2);
	assert_int_equal(s[0].net_tx, 3);
	assert_int_equal(s[1].net_rx, 20);
	assert_int_equal(parse_corpus("softirq/6.18", softirq_parse, t), 0);
	s = table_at(t, 2);
	assert_true(s[0].net_rx > 1000000);
	assert_int_equal(parse_corpus("softirq/short", softirq_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("softirq/overflow", softirq_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("softirq/repeated", softirq_parse, t), -EINVAL);
	assert_int_equal(parse_text("", softirq_parse, t), -ENODATA);
	assert_int_equal(parse_text(" CPU0\n HI: 1\n", softirq_parse, t), -ENODATA);
	assert_int_equal(t->n, 4);
	table_unref(t);
}

/* Entries are said again on each CPU's line, counters are added up. */
static void tables_of_all_cpus(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_conntrack]);
	struct table *n = table_new(schemas[TABLE_neighbor]);

	assert_int_equal(parse_corpus("conntrack/3.10-handmade", conntrack_parse, t), 0);
	const struct conntrack *c = table_at(t, 0);

	assert_int_equal(c->drops, 0xf);
	assert_int_equal(c->early_drops, 0xd);
	assert_int_equal(c->insert_failed, 0xa);
	assert_int_equal(parse_corpus("conntrack/6.18", conntrack_parse, t), 0);
	assert_int_equal(parse_corpus("conntrack/short", conntrack_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("conntrack/repeated", conntrack_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("conntrack/overflow", conntrack_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("conntrack/no-cpu", conntrack_parse, t), -ENODATA);
	assert_int_equal(parse_text("", conntrack_parse, t), -ENODATA);
	assert_int_equal(t->n, 2);
	assert_int_equal(parse_corpus("neighbor/3.10-handmade", neighbor_parse, n), 0);
	const struct neighbor *row = table_at(n, 0);

	assert_int_equal(row->entries, 0x3ff);
	assert_int_equal(row->unresolved_discards, 7);
	assert_false(row_has(row->has, NEIGHBOR_full)); /* not before 4.3 */
	assert_int_equal(parse_corpus("neighbor/6.18", neighbor_parse, n), 0);
	row = table_at(n, 1);
	assert_true(row_has(row->has, NEIGHBOR_full));
	assert_int_equal(row->entries, 3);
	table_unref(t);
	table_unref(n);
}

/* A namespace with lo, ifb, and a pair of veth whose near end is shaped to 100 kbit/s. */
static void interfaces_and_their_queues(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_link]), *q = table_new(schemas[TABLE_qdisc]);
	const struct link *near = NULL;
	size_t shaped = 0;

	assert_int_equal(parse_corpus("link/6.18", link_parse, t), 0);
	for (table_each(const struct link, l, t)) {
		if (strcmp(table_text(t, l->name), "near") == 0)
			near = l;
		if (strcmp(table_text(t, l->name), "lo") == 0) {
			assert_int_equal(l->type, 772);
			assert_false(row_has(l->has, LINK_kind));
			assert_true(l->rx_packets > 30);
		}
	}
	assert_non_null(near);
	assert_string_equal(table_text(t, near->kind), "veth");
	assert_string_equal(table_text(t, near->qdisc), "tbf");
	assert_true(near->flags & 1);
	assert_true(row_has(near->has, LINK_tx_carrier));
	assert_int_equal(parse_corpus("qdisc/6.18", qdisc_parse, q), 0);
	for (table_each(const struct qdisc, d, q)) {
		if (strcmp(table_text(q, d->kind), "tbf") != 0)
			continue;
		assert_int_equal(d->index, near->index);
		assert_int_equal(d->parent, 0xffffffff);
		assert_true(d->drops > 0);
		assert_true(row_has(d->has, QDISC_backlog_bytes));
		shaped++;
	}
	assert_int_equal(shaped, 1);
	size_t links = t->n, queues = q->n;

	assert_int_equal(parse_corpus("link/cut", link_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("link/attribute-short", link_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("link/no-body", link_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("qdisc/cut", qdisc_parse, q), -EINVAL);
	assert_int_equal(parse_corpus("qdisc/attribute-past-end", qdisc_parse, q), -EINVAL);
	assert_int_equal(t->n, links);
	assert_int_equal(q->n, queues);
	table_unref(t);
	table_unref(q);
}

/* As many interfaces as there is room for, and one more. */
static void interfaces_beyond_the_room(void **state UNUSED)
{
	enum { ROOM = 4096 };
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
		struct nlattr name;
		char text[4];
	} one = { .head = { .nlmsg_len = sizeof(one), .nlmsg_type = RTM_NEWLINK },
		.name = { sizeof(one.name) + sizeof(one.text), IFLA_IFNAME },
		.text = "if" };
	struct table *t = table_new(schemas[TABLE_link]);

	for (one.link.ifi_index = 1; one.link.ifi_index <= ROOM + 1; one.link.ifi_index++) {
		assert_int_equal(link_parse((const char *)&one, sizeof(one), t), 0);
		assert_int_equal(t->lost, one.link.ifi_index > ROOM);
	}
	assert_int_equal(t->n, ROOM);
	table_unref(t);
}

/* Three sockets, of which one dropped 25 datagrams and is full. */
static void udp_sockets_that_dropped(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_udp_socket]);

	assert_int_equal(parse_corpus("udp/6.18", udp_parse, t), 0);
	assert_int_equal(t->n, 1);
	assert_int_equal(t->seen, 3);
	const struct udp_socket *s = table_at(t, 0);

	assert_string_equal(table_text(t, s->local), "127.0.0.1");
	assert_int_equal(s->local_port, 5353);
	assert_int_equal(s->drops, 25);
	assert_int_equal(s->receive_queue, 0x1040);
	assert_true(s->inode > 0);
	assert_int_equal(parse_corpus("udp/6.18-ipv6", udp_parse, t), 0);
	s = table_at(t, 1);
	assert_string_equal(table_text(t, s->local), "::1");
	assert_int_equal(s->family, AF_INET6);
	assert_int_equal(parse_corpus("udp/no-port", udp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("udp/cut", udp_parse, t), -EINVAL);
	/* What the end of a long file cuts is no line. */
	assert_int_equal(parse_text("  sl  local_address\n 1: 0100007F:0035 000", udp_parse, t), 0);
	assert_int_equal(parse_text("", udp_parse, t), -ENODATA);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

static void udp_of_ipv6(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_snmp]);

	assert_int_equal(parse_corpus("snmp6/6.18", snmp6_parse, t), 0);
	const struct snmp *s = table_at(t, 0);

	assert_int_equal(s->udp6_receive_buffer_errors, 25);
	assert_true(row_has(s->has, SNMP_udp6_memory_errors));
	assert_false(row_has(s->has, SNMP_netns));
	assert_int_equal(parse_corpus("snmp6/repeated", snmp6_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("snmp6/negative", snmp6_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("snmp6/no-udp", snmp6_parse, t), -ENODATA);
	assert_int_equal(t->n, 1);
	table_unref(t);
}

static int count(struct tcp_flows *f, uint32_t port, uint8_t peer, uint32_t state, bool six)
{
	struct tcp_diag d = { .row = { .family = six ? AF_INET6 : AF_INET,
				      .state = state,
				      .local_port = port,
				      .peer_port = 443,
				      .inode = port } };
	uint8_t v4[4] = { 10, 0, 0, 1 };

	if (six) {
		d.local[10] = d.local[11] = d.peer[10] = d.peer[11] = 0xff;
		memcpy(d.local + 12, v4, sizeof(v4));
		v4[3] = peer;
		memcpy(d.peer + 12, v4, sizeof(v4));
	} else {
		memcpy(d.local, v4, sizeof(v4));
		v4[3] = peer;
		memcpy(d.peer, v4, sizeof(v4));
	}
	return tcp_flows_count(f, &d);
}

/* A thousand peers with one connection, one with many; IPv4 inside IPv6 is IPv4. */
static void ports_are_counted_by_peer(void **state UNUSED)
{
	struct tcp_flows f = { .port_low = 40000, .port_high = 40999 };
	struct table *t = table_new(schemas[TABLE_tcp_flow]);

	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(count(&f, 40000 + i, (uint8_t)(10 + i % 200), 1, false), 0);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(count(&f, 40500 + i, 2, i < 15 ? 1 : 6, i % 2), 0);
	assert_int_equal(count(&f, 39999, 2, 1, false), 0); /* not from the range */
	assert_int_equal(count(&f, 41000, 2, 1, false), 0);
	assert_int_equal(tcp_flows_rows(&f, t, 7), 0);
	assert_int_equal(t->n, 64); /* the largest of 201 */
	const struct tcp_flow *row = table_at(t, 0);

	assert_int_equal(row->netns, 7);
	assert_string_equal(table_text(t, row->peer), "10.0.0.2");
	assert_int_equal(row->peer_port, 443);
	assert_int_equal(row->family, AF_INET);
	assert_int_equal(row->established, 15);
	assert_int_equal(row->time_wait, 5);
	assert_int_equal(row->inode, 40500);
	assert_int_equal(row[1].established + row[1].time_wait, 2);
	assert_int_equal(t->lost, 0);
	tcp_flows_release(&f);
	table_unref(t);
}

/* Established, and silent for that long: is it one of which nobody would notice an end? */
static void silent_connections_without_keepalive_are_counted(void **state UNUSED)
{
	static const struct {
		uint64_t sent_ns, received_ns, ack_ns;
		uint32_t state, timer;
		uint64_t queued;
		bool counts;
	} cases[] = {
		{ 9, 9, 9, 1, 0, 0, true }, { 8, 9, 9, 1, 0, 0, false }, /* not longer than 8 */
		{ 9, 8, 9, 1, 0, 0, false }, { 9, 9, 8, 1, 0, 0, false },
		{ 9, 9, 9, 1, 2, 0, false }, /* keepalive */
		{ 9, 9, 9, 1, 0, 5, false }, /* data on its way */
		{ 9, 9, 9, 8, 0, 0, false }, /* CLOSE_WAIT */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tcp_flows f = { .port_low = 40000, .port_high = 40999, .keepalive_ns = 8 };
		struct table *t = table_new(schemas[TABLE_tcp_flow]);
		struct tcp_diag d = { .row = { .family = AF_INET,
					      .state = cases[i].state,
					      .local_port = 40000,
					      .peer_port = 443,
					      .inode = 77,
					      .timer = cases[i].timer,
					      .send_queue = cases[i].queued,
					      .last_sent_ns = cases[i].sent_ns,
					      .last_received_ns = cases[i].received_ns,
					      .last_ack_ns = cases[i].ack_ns } };

		row_set(&d.row.has, TCP_SOCKET_last_ack_ns);
		assert_int_equal(tcp_flows_count(&f, &d), 0);
		assert_int_equal(tcp_flows_rows(&f, t, 0), 0);
		const struct tcp_flow *row = table_at(t, 0);

		if (row->unguarded != cases[i].counts)
			fail_msg("case %zu", i);
		if (cases[i].counts) {
			assert_int_equal(row->silent_ns, 9);
			assert_int_equal(row->unguarded_inode, 77);
		}
		tcp_flows_release(&f);
		table_unref(t);
	}
}

/* Of 70 and the own one 63 are read, in order; who is late reads none; the others are counted. */
static void namespaces_one_after_another(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_netns]);
	struct frame frame = { .at[TABLE_netns] = t };
	struct table *out[TABLES] = { 0 };
	struct probe p = { .frame = &frame, .out = out };
	const struct netns *ns = NULL;
	uint64_t lost = 0, n = 0;

	assert_null(netns_next(&p, NULL, NETNS_READ_MAX, &lost));
	for (uint64_t i = 0; i <= 70; i++)
		((struct netns *)table_add(t))->netns = i;
	t->state = STATE_OK;
	while ((ns = netns_next(&p, ns, NETNS_READ_MAX, &lost)))
		assert_int_equal(ns->netns, ++n);
	assert_int_equal(n, 63);
	assert_int_equal(lost, 7);
	p.deadline_ns = 1;
	lost = 0;
	assert_null(netns_next(&p, NULL, NETNS_READ_MAX, &lost));
	assert_int_equal(lost, 70);
	t->n = 1;
	lost = 0;
	assert_null(netns_next(&p, NULL, NETNS_READ_MAX, &lost));
	assert_int_equal(lost, 0);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(namespaces_one_after_another),
		cmocka_unit_test(softirqs_by_cpu),
		cmocka_unit_test(tables_of_all_cpus),
		cmocka_unit_test(interfaces_and_their_queues),
		cmocka_unit_test(interfaces_beyond_the_room),
		cmocka_unit_test(udp_sockets_that_dropped),
		cmocka_unit_test(udp_of_ipv6),
		cmocka_unit_test(ports_are_counted_by_peer),
		cmocka_unit_test(silent_connections_without_keepalive_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
