/* SPDX-License-Identifier: MIT */
/* Table setting: its parsers, and the source over a tree. */
#include "source/source.h"
#include "tests/unit/folder.h"
#include "tests/unit/parse.h"
#include "tests/unit/run_source.h"

static const struct setting *find(const struct table *t, const char *of, const char *name)
{
	for (table_each(const struct setting, s, t)) {
		if (strcmp(table_text(t, s->of), of) == 0 &&
			strcmp(table_text(t, s->name), name) == 0)
			return s;
	}
	return NULL;
}

static void boot_parameters(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_setting]);

	assert_int_equal(parse_corpus("boot_params/quoted", boot_params_parse, t), 0);
	assert_int_equal(t->n, 7);
	const struct setting *s = find(t, "boot", "console");

	/* Twice is one row; its words may be the owner's. */
	assert_string_equal(table_text(t, s->words), "tty0 ttyS0,115200");
	assert_false(row_has(s->has, SETTING_value));
	s = find(t, "boot", "dyndbg");
	assert_string_equal(table_text(t, s->words), "\"file a.c +p; file b.c +p\"");
	s = find(t, "boot", "mitigations");
	assert_string_equal(table_text(t, s->value), "off");
	assert_false(row_has(s->has, SETTING_words));
	s = find(t, "boot", "quiet");
	assert_true(row_has(s->has, SETTING_value) && s->value == 0);
	table_unref(t);
}

/* What follows -- is init's, and may hold anything. */
static void boot_parameters_end(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_setting]);

	assert_int_equal(parse_text("quiet -- token=secret\n", boot_params_parse, t), 0);
	assert_int_equal(t->n, 1);
	assert_int_equal(parse_text("", boot_params_parse, t), 0);
	assert_int_equal(parse_text("= =x \"\n", boot_params_parse, t), 0);
	assert_null(find(t, "boot", ""));
	table_cut(t, 0);
	/* A flag that gets a value the second time: still its owner's words. */
	assert_int_equal(parse_text("token token=secret\n", boot_params_parse, t), 0);
	const struct setting *s = find(t, "boot", "token");

	assert_string_equal(table_text(t, s->words), "secret");
	assert_false(row_has(s->has, SETTING_value));
	table_unref(t);
}

static void sysctl_listed(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_setting]);

	assert_int_equal(parse_corpus("sysctl_list/handmade", sysctl_list_parse, t), 0);
	assert_int_equal(t->n, 4);
	assert_string_equal(table_text(t, find(t, "sysctl", "net.ipv4.tcp_rmem")->value),
		"4096 131072 6291456");
	/* Paths are the owner's words. */
	assert_string_equal(
		table_text(t, find(t, "sysctl", "kernel.core_pattern")->words), "|/usr/bin/x %p");
	assert_null(find(t, "sysctl", "net.ipv4.tcp_fastopen_key"));
	assert_null(find(t, "sysctl", "net.ipv4.conf.eth0/1.rp_filter"));
	assert_null(find(t, "sysctl", "net.ipv6.conf.all.stable_secret"));
	assert_int_equal(parse_text("sysctl: no\n", sysctl_list_parse, t), -ENODATA);
	table_unref(t);
}

static void read_tree(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_setting, TABLE_none };
	struct table *out[TABLES] = { 0 };
	char why[160];
	struct host *h;

	put("proc/cmdline", "mem=4G\n");
	put("proc/sys/vm/swappiness", "60\n");
	put("proc/sys/vm/stat_refresh", "never read\n");
	put("proc/sys/kernel/hostname", "db7\n");
	put("proc/sys/net/ipv4/conf/all/rp_filter", "2\n");
	put("proc/sys/net/ipv4/conf/eth0/rp_filter", "1\n");
	put("proc/sys/net/ipv4/tcp_fastopen_key", "1-2-3-4\n");
	put("sys/block/sda/queue/scheduler", "none [mq-deadline] kyber\n");
	put("sys/block/loop0/queue/scheduler", "[none]\n");
	put("sys/class/net/eth0/mtu", "1500\n");
	put("sys/class/net/eth0/queues/rx-0/rps_cpus", "0\n");
	put("sys/class/net/eth0/queues/rx-1/rps_cpus", "0\n");
	put("sys/class/net/veth7/mtu", "1500\n");
	put("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n");
	assert_int_equal(host_open_root(top, &h, why), 0);
	run_source(h, "setting", out, ids, NULL, 0);
	const struct table *t = out[TABLE_setting];

	assert_int_equal(t->state, STATE_OK);
	assert_non_null(find(t, "sysctl", "vm.swappiness"));
	assert_non_null(find(t, "sysctl", "net.ipv4.conf.all.rp_filter"));
	assert_null(find(t, "sysctl", "net.ipv4.conf.eth0.rp_filter"));
	assert_null(find(t, "sysctl", "vm.stat_refresh"));
	assert_null(find(t, "sysctl", "kernel.hostname"));
	assert_null(find(t, "sysctl", "net.ipv4.tcp_fastopen_key"));
	const struct setting *s = find(t, "disk", "scheduler");

	assert_string_equal(table_text(t, s->what), "sda");
	assert_string_equal(table_text(t, s->value), "mq-deadline");
	assert_string_equal(table_text(t, find(t, "nic", "rx_queues")->value), "2");
	assert_string_equal(table_text(t, find(t, "nic", "mtu")->what), "eth0");
	assert_string_equal(
		table_text(
			t, find(t, "system", "devices/system/cpu/vulnerabilities/meltdown")->value),
		"Mitigation: PTI");
	drop_tables(out);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_parameters),
		cmocka_unit_test(boot_parameters_end),
		cmocka_unit_test(sysctl_listed),
		cmocka_unit_test_setup_teardown(read_tree, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
