/* SPDX-License-Identifier: MIT */
/* Packets on one CPU, and drops: both sides of each threshold. */
#include "model/limits.h"
#include "tests/unit/build_net.h"

extern const struct check check_net_softirq, check_net_drops;

/* Two CPUs; the first gets the packets. Time in hundredths of the 2 s. */
static struct softnet *add_cpus(struct scene *s, uint64_t softirq_percent)
{
	for (uint64_t i = 0; i < 2; i++) {
		struct cpu *was = build_row(&s->was, TABLE_cpu),
			   *now = build_row(&s->now, TABLE_cpu);
		struct softnet *old = build_row(&s->was, TABLE_softnet);
		struct softnet *new = build_row(&s->now, TABLE_softnet);

		was->id = now->id = (int64_t)i;
		now->softirq_ns = i == 0 ? softirq_percent * SECOND / 50 : 0;
		now->idle_ns = 2 * SECOND - now->softirq_ns;
		old->cpu = new->cpu = i;
	}
	return table_at(s->now.at[TABLE_softnet], 0);
}

static struct link *add_link(struct scene *s, const char *name)
{
	struct link *was = build_row(&s->was, TABLE_link), *now = build_row(&s->now, TABLE_link);

	was->index = now->index = 4;
	now->name = build_text(&s->now, TABLE_link, name);
	build_unset(now, LINK_kind);
	now->type = 1;
	now->flags = 65;
	return now;
}

static void packets_on_one_cpu(void **state UNUSED)
{
	static const struct {
		uint64_t percent, processed, dropped, other;
		enum verdict verdict;
		enum severity severity;
		uint64_t system_percent, disk_rounds, rx_bytes;
	} cases[] = {
		{ 95, 40000, 0, 0, VERDICT_SAD, SEVERITY_INFO },
		{ 95, 100000, 0, 0, VERDICT_SAD, SEVERITY_INFO }, /* 19 us each */
		/* 48 us each, but GRO had merged 20 in each. */
		{ 95, 40000, 0, 0, VERDICT_SAD, SEVERITY_INFO, 0, 0, UINT64_C(1200000000) },
		{ 89, 40000, 0, 0, VERDICT_FINE, 0 },
		{ 95, 1900, 0, 0, VERDICT_FINE, 0 },      /* it is not the packets */
		{ 95, 40000, 0, 20000, VERDICT_FINE, 0 }, /* the other has its part */
		{ 30, 19980, 20, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 30, 19000, 19, 0, VERDICT_FINE, 0 },
		{ 30, 30000, 20, 0, VERDICT_FINE, 0 },
		{ 80, 2100, 0, 0, VERDICT_SAD, SEVERITY_INFO, 19 }, /* no time left */
		{ 80, 2100, 0, 0, VERDICT_SAD, SEVERITY_INFO, 19, 199 },
		{ 80, 2100, 0, 0, VERDICT_FINE, 0, 19, 200 }, /* it may be the disks */
		{ 80, 2100, 0, 0, VERDICT_FINE, 0, 17 },
		{ 79, 2100, 0, 0, VERDICT_FINE, 0, 21 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		struct softnet *n = add_cpus(&s, cases[i].percent);

		n->processed = cases[i].processed;
		struct cpu *cpu = table_at(s.now.at[TABLE_cpu], 0);

		build_row(&s.was, TABLE_softirq);
		struct softirq *rounds = build_row(&s.now, TABLE_softirq);

		rounds->net_rx = 200;
		rounds->block = cases[i].disk_rounds;
		cpu->system_ns = cases[i].system_percent * SECOND / 50;
		cpu->idle_ns -= cpu->system_ns;
		n->dropped = cases[i].dropped;
		n[1].processed = cases[i].other;
		struct link *l = add_link(&s, "eth0");

		l->rx_packets = 20000;
		l->rx_bytes = cases[i].rx_bytes;
		if (cases[i].verdict == VERDICT_SAD)
			assert_int_equal(scene_judge(&s, &check_net_softirq), VERDICT_ASK);
		struct link_queue *q = build_row(&s.now, TABLE_link_queue);

		q->index = 4;
		q->rx_queues = 1;
		build_table(&s.now, TABLE_interrupt);
		assert_int_equal(scene_judge(&s, &check_net_softirq), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD) {
			assert_int_equal(scene_only(&s)->severity, cases[i].severity);
			assert_int_equal(scene_only(&s)->culprits[0].kind, ENTITY_INTERFACE);
			assert_string_equal(scene_only(&s)->culprits[0].name, "eth0");
			assert_non_null(strstr(scene_only(&s)->todo[2], "rps_cpus"));
			assert_int_equal(cases[i].dropped == 0 && cases[i].processed < 95000 &&
						 !cases[i].rx_bytes,
				strstr(scene_only(&s)->cause, "it encrypts") != NULL);
		}
		scene_end(&s);
	}
}

static struct udp_socket *add_udp(struct scene *s, uint64_t inode, uint32_t port)
{
	struct udp_socket *u = build_row(&s->now, TABLE_udp_socket);

	u->netns = NS;
	u->inode = inode;
	u->family = 2;
	u->local = build_text(&s->now, TABLE_udp_socket, "0.0.0.0");
	u->local_port = port;
	return u;
}

static void a_udp_socket_that_is_not_read(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 'T');
	struct snmp *n = add_snmp(&s, NS);

	n->udp_in_datagrams = 100;
	n->udp6_receive_buffer_errors = 50;
	n->udp_receive_buffer_errors = 50;
	assert_int_equal(scene_judge(&s, &check_net_drops), VERDICT_ASK);
	assert_int_equal(s.judgement.ask[0].table, TABLE_udp_socket);
	assert_int_equal(s.judgement.ask[0].key, NS);
	add_udp(&s, 5002, 53)->drops = 100000; /* long ago: it is empty now */
	struct udp_socket *full = add_udp(&s, 5001, 514);

	full->drops = 300;
	full->receive_queue = 200000;
	assert_int_equal(scene_judge(&s, &check_net_drops), VERDICT_ASK);
	assert_int_equal(s.judgement.ask[0].key, 5001);
	add_owner(&s, 1);
	assert_int_equal(scene_judge(&s, &check_net_drops), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(f->culprits[0].pid, SELF);
	assert_string_equal(f->culprits[1].name, "0.0.0.0:514");
	assert_non_null(strstr(f->cause, "is stopped"));
	scene_end(&s);
}

static void udp_shares_and_floors(void **state UNUSED)
{
	static const struct {
		uint64_t received, full, checksum, memory;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 0, 19, 0, 0, VERDICT_FINE, 0 },
		{ 1979, 20, 0, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 1999, 20, 0, 0, VERDICT_SAD, SEVERITY_INFO },
		{ 1979, 0, 20, 0, VERDICT_SAD, SEVERITY_INFO },
		{ 1999, 0, 20, 0, VERDICT_FINE, 0 },
		{ 9999, 0, 0, 20, VERDICT_SAD, SEVERITY_WARNING },
		{ 9999, 0, 0, 19, VERDICT_FINE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		struct snmp *n = add_snmp(&s, 0);

		n->udp_in_datagrams = cases[i].received;
		n->udp_receive_buffer_errors = cases[i].full;
		n->udp_checksum_errors = cases[i].checksum;
		n->udp_memory_errors = cases[i].memory;
		add_link(&s, "eth0");
		build_table(&s.now, TABLE_udp_socket);
		scene_case(&s, &check_net_drops, i, cases[i].verdict, cases[i].severity);
		scene_end(&s);
	}
}

/* What a card lost; what nobody wanted; what a tunnel calls an error. */
static void cards_and_other_interfaces(void **state UNUSED)
{
	static const struct {
		uint64_t got, missed, fifo, errors, dropped;
		bool tunnel;
		enum verdict verdict;
		const char *metric;
	} cases[] = {
		{ 19980, 20, 0, 20, 0, false, VERDICT_SAD, "link.rx_missed" },
		{ 19980, 0, 20, 0, 0, false, VERDICT_SAD, "link.rx_missed" },
		{ 20000, 20, 0, 20, 0, false, VERDICT_FINE, NULL },
		{ 100, 19, 0, 0, 0, false, VERDICT_FINE, NULL },
		{ 19980, 0, 0, 20, 0, false, VERDICT_SAD, "link.rx_errors" },
		{ 19980, 0, 0, 20, 0, true, VERDICT_FINE, NULL },
		{ 100, 0, 0, 0, 5000, false, VERDICT_FINE, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_snmp(&s, 0);
		struct link *l = add_link(&s, "eth0");

		l->rx_packets = cases[i].got;
		l->rx_missed = cases[i].missed;
		l->rx_fifo = cases[i].fifo;
		l->rx_errors = cases[i].errors;
		l->rx_dropped = l->tx_dropped = cases[i].dropped;
		if (cases[i].tunnel) {
			row_set(&l->has, LINK_kind);
			l->kind = build_text(&s.now, TABLE_link, "wireguard");
		}
		assert_int_equal(scene_judge(&s, &check_net_drops), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD) {
			assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
			assert_string_equal(scene_only(&s)->evidence[0].metric, cases[i].metric);
			assert_string_equal(scene_only(&s)->culprits[0].name, "eth0");
		}
		scene_end(&s);
	}
}

static void queues_of_interfaces(void **state UNUSED)
{
	static const struct {
		const char *kind;
		uint64_t sent, lost;
		enum verdict verdict;
	} cases[] = {
		{ "pfifo_fast", 1980, 20, VERDICT_SAD },
		{ "pfifo_fast", 2000, 20, VERDICT_FINE },
		{ "pfifo_fast", 100, 19, VERDICT_FINE },
		{ "fq_codel", 950, 49, VERDICT_FINE },
		{ "fq_codel", 950, 50, VERDICT_SAD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_snmp(&s, 0);
		add_link(&s, "eth0");
		struct qdisc *was = build_row(&s.was, TABLE_qdisc),
			     *q = build_row(&s.now, TABLE_qdisc);

		was->index = q->index = 4;
		was->parent = q->parent = 0xffffffff;
		q->kind = build_text(&s.now, TABLE_qdisc, cases[i].kind);
		q->packets = cases[i].sent;
		q->drops = cases[i].lost;
		assert_int_equal(scene_judge(&s, &check_net_drops), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD)
			assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
		scene_end(&s);
	}
}

static void tables_that_are_full(void **state UNUSED)
{
	static const struct {
		uint64_t entries, drops, neighbors;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 899, 0, 0, VERDICT_FINE, 0 },
		{ 899, 50, 0, VERDICT_FINE, 0 }, /* two packets of a flow met */
		{ 900, 0, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 949, 50, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 950, 1, 0, VERDICT_SAD, SEVERITY_CRITICAL },
		{ 0, 0, 1, VERDICT_SAD, SEVERITY_WARNING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_snmp(&s, 0);
		add_link(&s, "eth0");
		struct netns_setting *set = build_row(&s.now, TABLE_netns_setting);
		struct conntrack *c = add_pair(&s, TABLE_conntrack);
		struct neighbor *n = add_pair(&s, TABLE_neighbor);

		set->conntrack_entries = cases[i].entries;
		set->conntrack_max = 1000;
		c->drops = cases[i].drops;
		n->full = cases[i].neighbors;
		scene_case(&s, &check_net_drops, i, cases[i].verdict, cases[i].severity);
		bool listed = false;

		for (size_t k = 0; k < s.model.limits->n; k++)
			listed |= s.model.limits->row[k].kind == LIMIT_CONNTRACK &&
				  s.model.limits->row[k].used == cases[i].entries;
		assert_true(listed);
		scene_end(&s);
	}
}

static void what_cannot_be_read_is_unknown(void **state UNUSED)
{
	static const struct check *const all[] = { &check_net_softirq, &check_net_drops };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct scene s;

		scene_start(&s);
		assert_int_equal(scene_judge(&s, all[i]), VERDICT_UNKNOWN);
		scene_end(&s);
	}
	struct scene s;

	scene_start(&s); /* no rtnetlink, nothing else found: that is not fine */
	add_snmp(&s, 0);
	table_fail(build_table(&s.now, TABLE_link), STATE_DENIED, "no netlink");
	assert_int_equal(scene_judge(&s, &check_net_drops), VERDICT_UNKNOWN);
	assert_string_equal(s.judgement.unknown_why, "no netlink");
	scene_end(&s);
}

/* Keys of a table that was read for other keys are asked for once more. */
static void keys_that_were_not_granted(void **state UNUSED)
{
	struct ask granted[] = { { TABLE_socket_owner, 7 } };
	struct scene s;

	scene_start(&s);
	build_table(&s.now, TABLE_socket_owner);
	scene_step(&s);
	assert_true(judge_ask(&s.judgement, &s.model, TABLE_socket_owner, 8));
	s.judgement.granted = granted;
	s.judgement.n_granted = 1;
	assert_true(judge_ask(&s.judgement, &s.model, TABLE_socket_owner, 7));
	assert_false(judge_ask(&s.judgement, &s.model, TABLE_socket_owner, 8));
	assert_int_equal(s.judgement.n_asks, 1);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_on_one_cpu),
		cmocka_unit_test(a_udp_socket_that_is_not_read),
		cmocka_unit_test(udp_shares_and_floors),
		cmocka_unit_test(cards_and_other_interfaces),
		cmocka_unit_test(queues_of_interfaces),
		cmocka_unit_test(tables_that_are_full),
		cmocka_unit_test(what_cannot_be_read_is_unknown),
		cmocka_unit_test(keys_that_were_not_granted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
