/* SPDX-License-Identifier: MIT */
/* What changed in the last day: logs of packages, boots, settings; and how it is told. */
#include "source/source.h"
#include "tests/unit/folder.h"
#include "tests/unit/parse.h"
#include "tests/unit/run_source.h"
#include "view/recent.h"

/* 2026-11-22 19:02:39 UTC */
#define NOON_S UINT64_C(1795374159)
#define NS_PER_S UINT64_C(1000000000)

struct want {
	const char *kind, *name, *was, *now;
	uint64_t at_s;
};

static void expect(const struct table *t, const struct want *want, size_t n)
{
	assert_int_equal(t->n, n);
	for (size_t i = 0; i < n; i++) {
		const struct change *c = table_at(t, i);

		assert_string_equal(table_text(t, c->kind), want[i].kind);
		assert_string_equal(table_text(t, c->name), want[i].name);
		assert_string_equal(table_text(t, c->was), want[i].was);
		assert_string_equal(table_text(t, c->now), want[i].now);
		assert_int_equal(c->at_wall_ns, want[i].at_s * NS_PER_S);
	}
}

static void logs_of_packages(void **state UNUSED)
{
	static const struct want others[] = {
		{ "upgrade", "bash", "", "5.1.8-6.el9.x86_64", NOON_S - 3600 },
		{ "install", "kernel-core", "", "5.14.0-362.el9.x86_64", NOON_S + 2 },
		{ "upgrade", "bash", "5.1-1", "5.2-1", NOON_S + 19800 },
		{ "install", "zstd", "", "1.5-1", NOON_S },
		{ "remove", "foo", "2-1", "", NOON_S },
		{ "install", "bash", "", "5.1-1", NOON_S },
		{ "remove", "foo", "", "2-1", NOON_S },
		{ "upgrade", "1:openssl-libs", "", "1.0.2k-26.el7_9.x86_64", 68205600 },
		{ "install", "nodash", "", "", 91306959 },
		{ "upgrade", "libc6", "2.36-9", "2.36-10", NOON_S },
		{ "install", "tree", "", "2.1.0-1", NOON_S },
		{ "remove", "tree", "2.1.0-1", "", NOON_S },
	};
	struct table *t = table_new(schemas[TABLE_change]);

	assert_int_equal(parse_corpus("package_log/others-handmade", package_log_parse, t), 0);
	expect(t, others, ARRAY_SIZE(others));
	table_cut(t, 0);
	assert_int_equal(parse_corpus("package_log/dpkg-debian12", package_log_parse, t), 0);
	const struct change *c = t->row;

	assert_string_equal(table_text(t, c->name), "libsystemd0");
	assert_string_equal(table_text(t, c->was), "252.36-1~deb12u1");
	table_cut(t, 0);
	assert_int_equal(parse_corpus("package_log/damaged", package_log_parse, t), 0);
	table_unref(t);
}

static void boots(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_change]);

	assert_int_equal(parse_corpus("wtmp/boots-handmade", wtmp_parse, t), 0);
	assert_int_equal(t->n, 2);
	assert_int_equal(((struct change *)t->row)->at_wall_ns, 1763830000 * NS_PER_S);
	assert_int_equal(parse_corpus("wtmp/cut", wtmp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("wtmp/damaged", wtmp_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("wtmp/empty", wtmp_parse, t), 0);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

/* A machine that has been up for two hours; its local time is an hour ahead. */
static void put_machine(void)
{
	put("clock", "0 7200000000000 1795374159000000000 4096 100\n");
	put("utc-offset", "3600\n");
	put("proc/uptime", "7200.00 1.00\n");
}

static struct table *read_changes(void)
{
	static const enum table_id ids[] = { TABLE_change, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h;
	char why[160];

	assert_int_equal(host_open_root(top, &h, why), 0);
	run_source(h, "change", out, ids, NULL, 0);
	host_free(h);
	struct table *t = table_ref(out[TABLE_change]);

	drop_tables(out);
	assert_int_equal(t->state, STATE_OK);
	return t;
}

static void the_last_day(void **state UNUSED)
{
	static const struct want want[] = {
		{ "boot", "", "", "", NOON_S - 7200 },
		{ "upgrade", "new", "1", "2", NOON_S - 3600 },
		{ "upgrade", "edge", "1", "2", NOON_S - 86400 },
		{ "upgrade", "young", "", "2-1.x86_64", NOON_S - 60 },
		{ "sysctl", "vm.swappiness", "60", "10", 0 },
		{ "sysctl", "net.ipv4.ip_local_port_range", "32768 60999", "1024 65535", 0 },
	};

	put_machine();
	put("var/log/dpkg.log", "2026-11-20 19:02:39 upgrade old:all 1 2\n"
				"2026-11-22 19:02:39 upgrade new:all 1 2\n"
				"2026-11-23 19:02:39 upgrade tomorrow:all 1 2\n"
				"2026-11-21 20:02:39 upgrade edge:all 1 2\n"
				"2026-11-21 20:02:38 upgrade beyond:all 1 2\n");
	put("var/log/yum.log", "Nov 22 20:01:39 Updated: young-2-1.x86_64\n"
			       "Nov 24 20:01:39 Updated: lastyear-2-1.x86_64\n");
	put("proc/sys/vm/swappiness", "10\n");
	put("proc/sys/vm/dirty_ratio", "20\n");
	put("proc/sys/net/core/somaxconn", "128\n");
	put("proc/sys/net/ipv4/ip_local_port_range", "1024\t65535\n");
	struct table *t = read_changes();

	expect(t, want, ARRAY_SIZE(want));
	table_unref(t);
}

static void nothing_changed(void **state UNUSED)
{
	struct recent v = { 0 };
	struct frame f = { 0 };
	struct model m = { .now = &f };

	put("clock", "0 720000000000000 1795374159000000000 4096 100\n");
	put("proc/uptime", "720000.00 1.00\n");
	put("proc/sys/vm/swappiness", "60\n");
	f.at[TABLE_change] = read_changes();
	assert_int_equal(f.at[TABLE_change]->n, 0);
	recent_make(&m, &v);
	assert_int_equal(v.n, 0);
	arena_release(&v.arena);
	frame_release(&f);
}

/* wtmp has this boot too, with another second. */
static void a_boot_counts_once(void **state UNUSED)
{
	unsigned char records[2 * 384] = { 0 };
	uint32_t first = NOON_S - 40000, second = NOON_S - 7190;

	put_machine();
	records[0] = records[384] = 2;
	memcpy(records + 340, &first, 4);
	memcpy(records + 384 + 340, &second, 4);
	put_bytes("var/log/wtmp", (const char *)records, sizeof(records));
	struct table *t = read_changes();

	assert_int_equal(t->n, 2);
	assert_int_equal(((struct change *)t->row)[0].at_wall_ns, (NOON_S - 40000) * NS_PER_S);
	assert_int_equal(((struct change *)t->row)[1].at_wall_ns, (NOON_S - 7200) * NS_PER_S);
	table_unref(t);
}

static void lines_for_people(void **state UNUSED)
{
	struct recent v = { 0 };
	struct frame f = { .walltime_ns = NOON_S * NS_PER_S };
	struct model m = { .now = &f };

	put_machine();
	put("var/log/pacman.log",
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded linux-perf (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded a (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded b (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded c (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded d (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded e (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] installed f (1)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded openssl (1 -> 2)\n"
		"[2026-11-22T18:02:39+0000] [ALPM] upgraded linux (6.1 -> 6.2)\n");
	put("proc/sys/vm/swappiness", "10\n");
	f.at[TABLE_change] = read_changes();
	recent_make(&m, &v);
	assert_int_equal(v.n, 4);
	assert_string_equal(v.line[0], "booted 2 h ago");
	assert_string_equal(
		v.line[1], "8 packages upgraded, last 1 h ago: linux, openssl, linux-perf, ...");
	assert_string_equal(v.line[2], "1 package installed, 1 h ago: f");
	assert_string_equal(v.line[3], "settings that are not the kernel's default (in brackets): "
				       "vm.swappiness = 10 (60)");
	arena_release(&v.arena);
	frame_release(&f);
}

/* As dpkg writes it: many lines of each package, of which one tells what was done. */
static void a_package_counts_once(void **state UNUSED)
{
	struct recent v = { 0 };
	struct frame f = { .walltime_ns = NOON_S * NS_PER_S };
	struct model m = { .now = &f };

	put_machine();
	put("var/log/dpkg.log", "2026-11-22 17:02:38 startup archives unpack\n"
				"2026-11-22 17:02:39 upgrade curl:amd64 7-1 7-2\n"
				"2026-11-22 17:02:39 status half-configured curl:amd64 7-1\n"
				"2026-11-22 17:02:39 status unpacked curl:amd64 7-1\n"
				"2026-11-22 17:02:39 status half-installed curl:amd64 7-1\n"
				"2026-11-22 17:02:39 status unpacked curl:amd64 7-2\n"
				"2026-11-22 17:02:40 install jq:amd64 <none> 1.6\n"
				"2026-11-22 17:02:40 status half-installed jq:amd64 1.6\n"
				"2026-11-22 17:02:40 startup packages configure\n"
				"2026-11-22 17:02:40 configure curl:amd64 7-2 <none>\n"
				"2026-11-22 17:02:40 status installed curl:amd64 7-2\n"
				"2026-11-22 17:02:41 configure jq:amd64 1.6 <none>\n"
				"2026-11-22 17:02:41 status installed jq:amd64 1.6\n"
				"2026-11-22 17:02:41 trigproc man-db:amd64 2.11 <none>\n"
				"2026-11-22 18:02:39 upgrade vim:amd64 9-1 9-2\n"
				"2026-11-22 19:02:39 upgrade curl:amd64 7-2 7-3\n"
				"2026-11-22 19:02:39 configure curl:amd64 7-3 <none>\n");
	f.at[TABLE_change] = read_changes();
	recent_make(&m, &v);
	assert_int_equal(v.n, 3);
	assert_string_equal(v.line[1], "2 packages upgraded, last 1 h ago: curl, vim");
	assert_string_equal(v.line[2], "1 package installed, 3 h ago: jq");
	arena_release(&v.arena);
	frame_release(&f);
}

/* A log that begins within the day goes on in the one that was put aside; else that is not read. */
static void a_log_that_was_put_aside(void **state UNUSED)
{
	static const struct want want[] = {
		{ "boot", "", "", "", NOON_S - 7200 },
		{ "upgrade", "new", "1", "2", NOON_S - 3600 },
		{ "upgrade", "aside", "1", "2", NOON_S - 7200 },
	};

	put_machine();
	put("var/log/dpkg.log", "2026-11-22 19:02:39 upgrade new:all 1 2\n");
	put("var/log/dpkg.log.1", "2026-11-20 19:02:39 upgrade old:all 1 2\n"
				  "2026-11-22 18:02:39 upgrade aside:all 1 2\n");
	struct table *t = read_changes();

	expect(t, want, ARRAY_SIZE(want));
	table_unref(t);
	put("var/log/dpkg.log", "2026-11-20 19:02:39 upgrade old:all 1 2\n"
				"2026-11-22 19:02:39 upgrade new:all 1 2\n");
	t = read_changes();
	expect(t, want, 2);
	table_unref(t);
}

/* Clocks that stood at 1970, and one that says the end of time. */
static void clocks_that_are_wrong(void **state UNUSED)
{
	static const struct want want[] = { { "boot", "", "", "", NOON_S - 7200 } };

	put_machine();
	put("var/log/dpkg.log", "1970-11-22 19:02:39 upgrade reset:all 1 2\n"
				"1971-11-22 19:02:39 upgrade reset:all 1 2\n"
				"1973-11-22 19:02:39 upgrade reset:all 1 2\n"
				"9999-11-22 19:02:39 upgrade never:all 1 2\n");
	struct table *t = read_changes();

	expect(t, want, ARRAY_SIZE(want));
	table_unref(t);
	put("clock", "0 7200000000000 18446744073709551615 4096 100\n");
	put("var/log/yum.log", "Nov 22 20:01:39 Updated: young-2-1.x86_64\n");
	t = read_changes();
	table_unref(t);
}

/* Only the end of a long log is read, and a cut line is no line. */
static void the_end_of_a_log(void **state UNUSED)
{
	static char log[600 << 10];
	auto_strbuf text = { 0 };
	struct host *h;
	char why[160];
	bool cut = false;
	size_t len = 0;

	while (len + 80 < sizeof(log))
		len += (size_t)snprintf(log + len, sizeof(log) - len,
			"2026-11-22 19:02:39 upgrade p%zu:all 1 2\n", len);
	put_machine();
	put("var/log/dpkg.log", log);
	struct table *t = read_changes();

	assert_true(t->n <= 2002 && t->n > 1000);
	assert_int_equal(t->lost, 1);
	table_unref(t);
	assert_int_equal(host_open_root(top, &h, why), 0);
	assert_int_equal(host_read_end(h, "var/log/dpkg.log", 10, &text, &cut), 0);
	assert_true(cut);
	assert_string_equal(text.bytes, log + len - 10);
	assert_int_equal(host_read_end(h, "utc-offset", 10, &text, &cut), 0);
	assert_false(cut);
	assert_string_equal(text.bytes, "3600\n");
	assert_int_equal(host_read_end(h, "none", 10, &text, &cut), -ENOENT);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_of_packages),
		cmocka_unit_test(boots),
		cmocka_unit_test_setup_teardown(the_last_day, make_top, drop_top),
		cmocka_unit_test_setup_teardown(nothing_changed, make_top, drop_top),
		cmocka_unit_test_setup_teardown(a_boot_counts_once, make_top, drop_top),
		cmocka_unit_test_setup_teardown(lines_for_people, make_top, drop_top),
		cmocka_unit_test_setup_teardown(a_package_counts_once, make_top, drop_top),
		cmocka_unit_test_setup_teardown(a_log_that_was_put_aside, make_top, drop_top),
		cmocka_unit_test_setup_teardown(clocks_that_are_wrong, make_top, drop_top),
		cmocka_unit_test_setup_teardown(the_end_of_a_log, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
