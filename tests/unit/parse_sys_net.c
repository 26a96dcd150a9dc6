/* SPDX-License-Identifier: MIT */
/* Parsers of the network stack's counters. */
#include "source/source.h"
#include "tests/unit/parse.h"

static void snmp_by_name(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_snmp]);

	assert_int_equal(parse_corpus("snmp/3.10-handmade", snmp_parse, t), 0);
	const struct snmp *s = table_at(t, 0);

	assert_int_equal(s->netns, 0);
	assert_true(row_has(s->has, SNMP_netns));
	assert_int_equal(s->tcp_active_opens, 41);
	assert_int_equal(s->tcp_established, 3);
	assert_int_equal(s->tcp_out_resets, 5);
	assert_int_equal(s->tcp_listen_overflows, 22);
	assert_int_equal(s->udp_receive_buffer_errors, 8);
	assert_false(row_has(s->has, SNMP_tcp_memory_pressures));
	assert_int_equal(parse_corpus("snmp/6.18-no-netstat", snmp_parse, t), 0);
	s = table_at(t, 1);
	assert_true(row_has(s->has, SNMP_tcp_retransmitted));
	assert_false(row_has(s->has, SNMP_tcp_listen_overflows));
	assert_int_equal(parse_corpus("snmp/6.18", snmp_parse, t), 0);
	s = table_at(t, 2);
	/* All but what snmp6 tells. */
	assert_int_equal(s->has, (((has_t)1 << SNMP_udp6_in_datagrams) - 1) |
					 (has_t)1 << SNMP_tcp_receive_queue_drops |
					 (has_t)1 << SNMP_tcp_fast_retransmits |
					 (has_t)1 << SNMP_tcp_sack_recoveries |
					 (has_t)1 << SNMP_ip_fragments_made |
					 (has_t)1 << SNMP_ip_fragment_fails);
	table_unref(t);
}

static void snmp_damage(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_snmp]);

	assert_int_equal(parse_corpus("snmp/unpaired", snmp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("snmp/mixed", snmp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("snmp/repeated", snmp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("snmp/cut", snmp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("snmp/negative", snmp_parse, t), -EINVAL);
	assert_int_equal(parse_text("Udp: InErrors\nUdp: 1\n", snmp_parse, t), -ENODATA);
	assert_int_equal(parse_text("", snmp_parse, t), -ENODATA);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

static void sockstat_sections(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_sockstat]);

	assert_int_equal(parse_corpus("sockstat/3.10-handmade", sockstat_parse, t), 0);
	const struct sockstat *s = table_at(t, 0);

	assert_int_equal(s->sockets, 290);
	assert_int_equal(s->tcp_time_wait, 23);
	assert_int_equal(s->tcp_memory_bytes, 3 * 4096);
	assert_int_equal(s->udp_in_use, 4);
	assert_int_equal(s->udp_memory_bytes, 2 * 4096);
	assert_int_equal(parse_corpus("sockstat/6.18", sockstat_parse, t), 0);
	assert_int_equal(parse_corpus("sockstat/repeated", sockstat_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("sockstat/overflow", sockstat_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("sockstat/cut", sockstat_parse, t), -EINVAL);
	assert_int_equal(parse_text("sockets: used 1\n", sockstat_parse, t), -ENODATA);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

static void softnet_columns(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_softnet]);

	assert_int_equal(parse_corpus("softnet/3.10-handmade", softnet_parse, t), 0);
	const struct softnet *s = table_at(t, 0);

	assert_int_equal(s[0].dropped, 0x20e76);
	assert_int_equal(s[0].squeezed, 0xf0000769);
	assert_int_equal(s[1].cpu, 1);
	assert_int_equal(
		parse_corpus("softnet/13-columns-cpu1-offline-handmade", softnet_parse, t), 0);
	s = table_at(t, 3);
	assert_int_equal(s->cpu, 2);
	assert_int_equal(s->processed, 0xb);
	assert_true(row_has(s->has, SOFTNET_steered));
	assert_true(row_has(s->has, SOFTNET_flow_limited));
	assert_int_equal(parse_corpus("softnet/6.18", softnet_parse, t), 0);
	assert_int_equal(t->n, 6);
	assert_int_equal(parse_corpus("softnet/short", softnet_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("softnet/overflow", softnet_parse, t), -EINVAL);
	assert_int_equal(parse_text("", softnet_parse, t), -ENODATA);
	/* No kernel writes fewer than 9 columns: such a line is cut. */
	assert_int_equal(parse_text("1 2 3 4 5 6 7 8\n", softnet_parse, t), -EINVAL);
	assert_int_equal(t->n, 6);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snmp_by_name),
		cmocka_unit_test(snmp_damage),
		cmocka_unit_test(sockstat_sections),
		cmocka_unit_test(softnet_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
