/* SPDX-License-Identifier: MIT */
/* Settings of network namespaces: units, what a kernel does not have, what is nonsense. */
#include "tests/unit/folder.h"
#include "tests/unit/run_source.h"

#include <unistd.h>

#define OWN "proc/sys/net/ipv4/"
#define OTHER "netns/4026532001/proc/sys/net/ipv4/"
#define SECOND UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static struct table *out[TABLES];

static int begin(void **state)
{
	memset(out, 0, sizeof(out));
	return make_top(state);
}

static int end(void **state)
{
	drop_tables(out);
	return drop_top(state);
}

/* The source, of this root and of a second namespace if there is to be one. */
static const struct table *read_settings(bool second)
{
	static const enum table_id ids[] = { TABLE_netns_setting, TABLE_none };
	char why[160];
	struct host *h = NULL;

	if (second) {
		out[TABLE_netns] = table_new(schemas[TABLE_netns]);
		assert_non_null(table_add(out[TABLE_netns]));
		struct netns *ns = table_add(out[TABLE_netns]);

		row_put(schemas[TABLE_netns], ns, NETNS_netns, 4026532001);
		row_put(schemas[TABLE_netns], ns, NETNS_pid, 4711);
		out[TABLE_netns]->state = STATE_OK;
	}
	assert_int_equal(host_open_root(top, &h, why), 0);
	run_source(h, "netns_setting", out, ids, NULL, 0);
	host_free(h);
	return out[TABLE_netns_setting];
}

static const struct netns_setting *row_of(const struct table *t, uint64_t netns)
{
	const struct netns_setting *s = table_find(t, netns);

	assert_non_null(s);
	assert_int_equal(s->netns, netns);
	return s;
}

/* As Linux 6.18 has them. */
static void put_all(void)
{
	put(OWN "ip_local_port_range", "32768\t60999\n");
	put(OWN "ip_local_reserved_ports", "8080,40000-40009,60990-61005\n");
	put(OWN "tcp_retries2", "15\n");
	put(OWN "tcp_orphan_retries", "0\n");
	put(OWN "tcp_syn_retries", "6\n");
	put(OWN "tcp_synack_retries", "5\n");
	put(OWN "tcp_syn_linear_timeouts", "4\n");
	put(OWN "tcp_keepalive_time", "7200\n");
	put(OWN "tcp_keepalive_intvl", "75\n");
	put(OWN "tcp_keepalive_probes", "9\n");
	put(OWN "tcp_fin_timeout", "60\n");
	put(OWN "tcp_rto_min_us", "200000\n");
	put(OWN "tcp_rto_max_ms", "120000\n");
	put(OWN "tcp_wmem", "4096\t16384\t4194304\n");
}

static void all_in_their_units(void **state UNUSED)
{
	put_all();
	const struct table *t = read_settings(false);
	const struct netns_setting *s = row_of(t, 0);

	assert_int_equal(t->state, STATE_OK);
	assert_int_equal(t->n, 1);
	assert_int_equal(s->port_low, 32768);
	assert_int_equal(s->port_high, 60999);
	assert_int_equal(s->ports_reserved, 10 + 10);
	assert_int_equal(s->retries2, 15);
	assert_int_equal(s->orphan_retries, 0);
	assert_true(row_has(s->has, NETNS_SETTING_orphan_retries));
	assert_int_equal(s->syn_retries, 6);
	assert_int_equal(s->synack_retries, 5);
	assert_int_equal(s->syn_linear_timeouts, 4);
	assert_int_equal(s->keepalive_ns, 7200 * SECOND);
	assert_int_equal(s->keepalive_interval_ns, 75 * SECOND);
	assert_int_equal(s->keepalive_probes, 9);
	assert_int_equal(s->fin_timeout_ns, 60 * SECOND);
	assert_int_equal(s->rto_min_ns, 200 * MS);
	assert_int_equal(s->rto_max_ns, 120 * SECOND);
	assert_int_equal(s->send_max_bytes, 4 << 20);
	/* That is of the machine that murphy runs on: of another nothing is known. */
	assert_false(row_has(s->has, NETNS_SETTING_tick_ns));
}

static void buffers_cut_off(void **state UNUSED)
{
	put_all();
	put(OWN "tcp_wmem", "4096\t16384\n");
	const struct table *t = read_settings(false);

	assert_false(row_has(row_of(t, 0)->has, NETNS_SETTING_send_max_bytes));
	assert_int_equal(t->cell[NETNS_SETTING_send_max_bytes], STATE_BROKEN);
}

/* Linux 6.1 has not the three that came later. */
static void of_an_older_kernel(void **state UNUSED)
{
	static const unsigned int later[] = { NETNS_SETTING_syn_linear_timeouts,
		NETNS_SETTING_rto_min_ns, NETNS_SETTING_rto_max_ns };

	put_all();
	assert_int_equal(unlink(below(OWN "tcp_syn_linear_timeouts")), 0);
	assert_int_equal(unlink(below(OWN "tcp_rto_min_us")), 0);
	assert_int_equal(unlink(below(OWN "tcp_rto_max_ms")), 0);
	const struct table *t = read_settings(false);
	const struct netns_setting *s = row_of(t, 0);

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		assert_false(row_has(s->has, later[i]));
		assert_int_equal(t->cell[later[i]], STATE_ABSENT);
	}
	assert_true(row_has(s->has, NETNS_SETTING_fin_timeout_ns));
	assert_int_equal(t->state, STATE_OK);
}

static void nonsense_is_broken(void **state UNUSED)
{
	put_all();
	put(OWN "tcp_retries2", "many\n");
	put(OWN "tcp_syn_retries", "-1\n");
	put(OWN "tcp_synack_retries", "");
	put(OWN "tcp_fin_timeout", "99999999999999999999\n"); /* more than 64 bits */
	put(OWN "tcp_rto_max_ms", "18446744073709551615\n");  /* more than that in ns */
	put(OWN "ip_local_port_range", "60999 32768\n");
	const struct table *t = read_settings(false);
	static const unsigned int broken[] = { NETNS_SETTING_retries2, NETNS_SETTING_syn_retries,
		NETNS_SETTING_synack_retries, NETNS_SETTING_fin_timeout_ns,
		NETNS_SETTING_rto_max_ns };
	const struct netns_setting *s = row_of(t, 0);

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		assert_false(row_has(s->has, broken[i]));
		assert_int_equal(t->cell[broken[i]], STATE_BROKEN);
	}
	assert_false(row_has(s->has, NETNS_SETTING_port_low));
	assert_false(row_has(s->has, NETNS_SETTING_ports_reserved));
	assert_int_equal(s->keepalive_probes, 9);
	assert_int_equal(t->state, STATE_OK);
}

/* What one has says nothing of the other. */
static void each_has_its_own(void **state UNUSED)
{
	put_all();
	put(OTHER "tcp_retries2", "3\n");
	put(OTHER "tcp_rto_max_ms", "5000\n");
	const struct table *t = read_settings(true);
	const struct netns_setting *own = row_of(t, 0), *other = row_of(t, 4026532001);

	assert_int_equal(t->n, 2);
	assert_int_equal(own->retries2, 15);
	assert_int_equal(other->retries2, 3);
	assert_int_equal(own->rto_max_ns, 120 * SECOND);
	assert_int_equal(other->rto_max_ns, 5 * SECOND);
	assert_false(row_has(other->has, NETNS_SETTING_fin_timeout_ns));
	assert_false(row_has(other->has, NETNS_SETTING_port_low));
}

/* More namespaces than are read are counted, and the first are there. */
static void too_many(void **state UNUSED)
{
	enum { ALL = 70, READ = 64 };

	out[TABLE_netns] = table_new(schemas[TABLE_netns]);
	for (uint64_t i = 0; i < ALL; i++) {
		struct netns *ns = table_add(out[TABLE_netns]);

		row_put(schemas[TABLE_netns], ns, NETNS_netns, i ? 4026531840 + i : 0);
		row_put(schemas[TABLE_netns], ns, NETNS_pid, 100 + i);
	}
	out[TABLE_netns]->state = STATE_OK;
	put_all();
	const struct table *t = read_settings(false);

	assert_int_equal(t->n, READ);
	assert_int_equal(t->lost, ALL - READ);
	row_of(t, 4026531840 + READ - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_in_their_units, begin, end),
		cmocka_unit_test_setup_teardown(buffers_cut_off, begin, end),
		cmocka_unit_test_setup_teardown(of_an_older_kernel, begin, end),
		cmocka_unit_test_setup_teardown(nonsense_is_broken, begin, end),
		cmocka_unit_test_setup_teardown(each_has_its_own, begin, end),
		cmocka_unit_test_setup_teardown(too_many, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
