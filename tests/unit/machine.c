/* SPDX-License-Identifier: MIT */
/*
 * What system calls tell of a machine, live and from a tree; the sources of CPU, clock and users.
 * The trees of /sys are hand-made after Documentation/admin-guide/pm: no machine here has cpufreq.
 */
#include "tests/unit/folder.h"
#include "tests/unit/parse.h"
#include "tests/unit/run_source.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <sys/socket.h>

static struct host *open_tree(void)
{
	char why[160];
	struct host *h;

	put("proc/uptime", "1000.00 1.00\n");
	assert_int_equal(host_open_root(top, &h, why), 0);
	return h;
}

static void this_machine_answers(void **state UNUSED)
{
	auto_strbuf text = { 0 };
	struct host *h;
	uint64_t uid;

	assert_int_equal(host_open_live(&h), 0);
	struct table *t = table_new(schemas[TABLE_timekeeping]);
	int err = host_timex(h, &text);

	/* A container may forbid it. */
	if (err != -EPERM) {
		assert_int_equal(err, 0);
		assert_int_equal(timekeeping_parse(text.bytes, text.len, t), 0);
		const struct timekeeping *k = table_at(t, 0);

		assert_true(k->tick_ns > 1000000 && k->tick_ns < 100000000);
		assert_true(k->max_error_ns <= UINT64_C(16000000000));
		assert_true(k->walltime_ns > UINT64_C(1700000000000000000));
	}
	table_unref(t);
	t = table_new(schemas[TABLE_clock_cost]);
	assert_int_equal(host_clock_cost(h, &text), 0);
	assert_int_equal(clock_cost_parse(text.bytes, text.len, t), 0);
	const struct clock_cost *c = table_at(t, 0);

	assert_true(c->read_ns > 0 && c->read_ns < 1000000 && c->syscall_ns > 0);
	table_unref(t);
	assert_int_equal(host_owner(h, (uint64_t)getpid(), &uid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(host_owner(h, UINT64_C(1) << 40, &uid), -ENOENT);
	host_free(h);
}

static void owners_of_a_tree(void **state UNUSED)
{
	struct host *h = open_tree();
	uint64_t uid = 7;

	put("proc/10/status", "Name:\tx\nUid:\t1000\t0\t0\t0\n");
	put("proc/11/owner", "33\n");
	put("proc/12/owner", "nobody\n");
	assert_int_equal(host_owner(h, 10, &uid), 0);
	assert_int_equal(uid, 1000);
	assert_int_equal(host_owner(h, 11, &uid), 0);
	assert_int_equal(uid, 33);
	assert_int_equal(host_owner(h, 12, &uid), -EINVAL);
	assert_int_equal(host_owner(h, 13, &uid), -ENOENT);
	host_free(h);
}

/* What the kernel answers: the attribute of the statistics within that of the task. */
struct delay_answer {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	struct nlattr both, pad, one;
	struct taskstats stats;
};

static int delays_of_version(unsigned int version, struct host_delays *ret_delays)
{
	struct delay_answer a = {
		.head = { .nlmsg_len = sizeof(a), .nlmsg_type = 30 },
		.both = { sizeof(a) - offsetof(struct delay_answer, both),
			TASKSTATS_TYPE_AGGR_PID },
		.pad = { sizeof(a.pad), TASKSTATS_TYPE_NULL },
		.one = { sizeof(a) - offsetof(struct delay_answer, one), TASKSTATS_TYPE_STATS },
		.stats = { .version = (uint16_t)version, .freepages_delay_total = 7 },
	};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(send(fds[1], &a, sizeof(a), 0), sizeof(a));
	int err = host_delays(&(struct host_delays_door){ fds[0], 30 }, 1, ret_delays);

	close(fds[0]);
	close(fds[1]);
	return err;
}

static void delays_by_their_layout(void **state UNUSED)
{
	struct host_delays d = { 0 };

	assert_int_equal(delays_of_version(14, &d), 0);
	assert_int_equal(d.reclaim_ns, 7);
	assert_int_equal(delays_of_version(15, &d), -EOPNOTSUPP);
	assert_int_equal(delays_of_version(16, &d), 0);
}

static void clocks_of_a_tree(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_clock, TABLE_clock_cost, TABLE_none };
	static const enum table_id timex[] = { TABLE_timekeeping, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	run_source(h, "clock", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_clock]->state, STATE_OK);
	assert_int_equal(out[TABLE_clock_cost]->state, STATE_ABSENT);
	run_source(h, "timekeeping", out, timex, NULL, 0);
	assert_int_equal(out[TABLE_timekeeping]->state, STATE_ABSENT);
	drop_tables(out);
	memset(out, 0, sizeof(out));
	put("clock.cost", "read_ns 1400\nsyscall_ns 1500\n");
	put("timex", "state 5\nstatus 64\nmax_error_ns 16000000000\n");
	run_source(h, "clock", out, ids, NULL, 0);
	const struct clock_cost *c = table_at(out[TABLE_clock_cost], 0);

	assert_int_equal(c->read_ns, 1400);
	run_source(h, "timekeeping", out, timex, NULL, 0);
	const struct timekeeping *k = table_at(out[TABLE_timekeeping], 0);

	assert_int_equal(k->status, 64);
	assert_false(row_has(k->has, TIMEKEEPING_walltime_ns));
	drop_tables(out);
	host_free(h);
}

static void text_of_answers(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_timekeeping]);

	assert_int_equal(parse_corpus("timekeeping/6.18-unsynced", timekeeping_parse, t), 0);
	assert_int_equal(parse_corpus("timekeeping/handmade-negative", timekeeping_parse, t), 0);
	const struct timekeeping *k = table_at(t, 1);

	assert_true(k->offset_ns == -1234 && k->frequency_ppb == -15000);
	assert_int_equal(parse_corpus("timekeeping/repeated", timekeeping_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("timekeeping/signed", timekeeping_parse, t), -EINVAL);
	assert_int_equal(parse_text("state 0\n", timekeeping_parse, t), -ENODATA);
	table_unref(t);
	t = table_new(schemas[TABLE_clock_cost]);
	assert_int_equal(parse_corpus("clock_cost/6.18", clock_cost_parse, t), 0);
	assert_int_equal(parse_corpus("clock_cost/overflow", clock_cost_parse, t), -EINVAL);
	assert_int_equal(parse_text("syscall_ns 3\n", clock_cost_parse, t), -ENODATA);
	table_unref(t);
	t = table_new(schemas[TABLE_cpu_type]);
	assert_int_equal(parse_corpus("cpu_signature/kvm", cpu_signature_parse, t), 0);
	assert_string_equal(
		table_text(t, ((struct cpu_type *)table_at(t, 0))->signature), "KVMKVMKVM");
	assert_int_equal(parse_corpus("cpu_signature/cut", cpu_signature_parse, t), -ENODATA);
	assert_int_equal(parse_corpus("cpu_type/6.18-x86", cpu_type_parse, t), 0);
	const struct cpu_type *c = table_at(t, 1);

	assert_string_equal(table_text(t, c->vendor), "GenuineIntel");
	assert_non_null(strstr(table_text(t, c->flags), " aes "));
	assert_int_equal(parse_corpus("cpu_type/arm64-handmade", cpu_type_parse, t), 0);
	c = table_at(t, 2);
	assert_false(row_has(c->has, CPU_TYPE_model));
	assert_non_null(strstr(table_text(t, c->flags), "aes"));
	assert_int_equal(parse_corpus("cpu_type/6.1-tcg", cpu_type_parse, t), 0);
	c = table_at(t, 3);
	assert_string_equal(table_text(t, c->model), "QEMU TCG CPU version 2.5+");
	assert_int_equal(parse_text("", cpu_type_parse, t), -ENODATA);
	table_unref(t);
}

static void the_log_of_clocks(void **state UNUSED)
{
	static const struct {
		const char *name, *reason;
		uint32_t given_up;
	} want[] = {
		{ "tsc", "", 0 },
		{ "acpi_pm", "", 0 },
		{ "tsc", "the watchdog saw a skew", 1 },
		{ "tsc", "clocksource watchdog", 1 },
		{ "hpet", "", 0 },
		{ "tsc", "the watchdog saw a skew", 1 },
		{ "tsc", "the watchdog could not read it in time", 1 },
		{ "tsc", "it differs between CPUs", 1 },
	};
	struct table *t = table_new(schemas[TABLE_klog_clock]);

	assert_int_equal(parse_corpus("klog_clock/handmade", klog_clock_parse, t), 0);
	assert_int_equal(t->n, ARRAY_SIZE(want));
	for (size_t i = 0; i < t->n; i++) {
		const struct klog_clock *k = table_at(t, i);

		assert_string_equal(table_text(t, k->name), want[i].name);
		assert_string_equal(table_text(t, k->reason), want[i].reason);
		assert_int_equal(k->given_up, want[i].given_up);
	}
	assert_int_equal(((struct klog_clock *)table_at(t, 2))->at_ns, UINT64_C(812250001000));
	/* A guest under QEMU's translator gives up the TSC while it boots, and takes hpet. */
	assert_int_equal(parse_corpus("klog_clock/6.1-tcg", klog_clock_parse, t), 0);
	assert_int_equal(t->n, ARRAY_SIZE(want) + 2);
	const struct klog_clock *tcg = table_at(t, ARRAY_SIZE(want));

	assert_string_equal(table_text(t, tcg[0].reason), "TSCs unsynchronized");
	assert_string_equal(table_text(t, tcg[1].name), "hpet");
	table_unref(t);
}

#define CPU "sys/devices/system/cpu/"

static void frequencies_of_a_tree(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_cpufreq, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put(CPU "cpu0/cpufreq/scaling_governor", "powersave\n");
	put(CPU "cpu0/cpufreq/scaling_driver", "intel_pstate\n");
	put(CPU "cpu0/cpufreq/energy_performance_preference", "balance_performance\n");
	put(CPU "cpu0/cpufreq/base_frequency", "2100000\n");
	put(CPU "cpu0/cpufreq/cpuinfo_max_freq", "3700000\n");
	put(CPU "cpu0/cpufreq/scaling_max_freq", "3700000\n");
	put(CPU "cpu0/cpufreq/scaling_cur_freq", "1200000\n");
	put(CPU "cpu1/cpufreq/scaling_governor", "ondemand\n");
	put(CPU "cpu1/cpufreq/scaling_driver", "acpi-cpufreq\n");
	run_source(h, "cpufreq", out, ids, NULL, 0);
	const struct table *t = out[TABLE_cpufreq];
	const struct cpufreq *f = table_at(t, 0);

	assert_int_equal(t->n, 2);
	assert_string_equal(table_text(t, f->driver), "intel_pstate");
	assert_string_equal(table_text(t, f->preference), "balance_performance");
	assert_int_equal(f->base_hz, 2100000000);
	f = table_at(t, 1);
	assert_string_equal(table_text(t, f->driver), "acpi-cpufreq");
	assert_false(row_has(f->has, CPUFREQ_base_hz) || row_has(f->has, CPUFREQ_preference));
	drop_tables(out);
	host_free(h);
}

/* Where SMT is off the directory may begin with a CPU that is. */
static void a_cpu_that_is_off(void **state UNUSED)
{
	static const enum table_id heat[] = { TABLE_cpu_throttle, TABLE_none };
	static const enum table_id clock[] = { TABLE_cpufreq, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put(CPU "cpu0/online", "0\n");
	put(CPU "cpu1/online", "1\n");
	put(CPU "cpu1/cpufreq/scaling_governor", "performance\n");
	put(CPU "cpu1/thermal_throttle/core_throttle_count", "3\n");
	run_source(h, "cpufreq", out, clock, NULL, 0);
	run_source(h, "cpu_throttle", out, heat, NULL, 0);
	assert_int_equal(out[TABLE_cpufreq]->n, 1);
	assert_int_equal(out[TABLE_cpu_throttle]->n, 1);
	assert_int_equal(((struct cpu_throttle *)table_at(out[TABLE_cpu_throttle], 0))->cpu, 1);
	drop_tables(out);
	host_free(h);
}

/* Kernels before 3.15 do not count: that is not a link that never went away. */
static void links_of_a_tree(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_carrier, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put("sys/class/net/eth0/mtu", "1500\n");
	put("sys/class/net/bonding_masters", "\n");
	run_source(h, "carrier", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_carrier]->state, STATE_ABSENT);
	put("sys/class/net/eth1/carrier_changes", "7\n");
	run_source(h, "carrier", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_carrier]->state, STATE_OK);
	assert_int_equal(out[TABLE_carrier]->n, 1);
	assert_int_equal(((struct carrier *)table_at(out[TABLE_carrier], 0))->changes, 7);
	drop_tables(out);
	host_free(h);
}

static void heat_and_power_of_a_tree(void **state UNUSED)
{
	static const enum table_id heat[] = { TABLE_cpu_throttle, TABLE_none };
	static const enum table_id power[] = { TABLE_power_supply, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put(CPU "online", "0-1\n");
	run_source(h, "cpu_throttle", out, heat, NULL, 0);
	assert_int_equal(out[TABLE_cpu_throttle]->state, STATE_ABSENT);
	drop_tables(out);
	memset(out, 0, sizeof(out));
	for (int cpu = 0; cpu < 2; cpu++) {
		put(cpu ? CPU "cpu1/thermal_throttle/core_throttle_count"
			: CPU "cpu0/thermal_throttle/core_throttle_count",
			"12\n");
		put(cpu ? CPU "cpu1/thermal_throttle/core_throttle_total_time_ms"
			: CPU "cpu0/thermal_throttle/core_throttle_total_time_ms",
			"345\n");
	}
	put("sys/class/power_supply/BAT0/type", "Battery\n");
	run_source(h, "cpu_throttle", out, heat, NULL, 0);
	const struct table *t = out[TABLE_cpu_throttle];
	const struct cpu_throttle *c = table_at(t, 1);

	assert_int_equal(t->n, 2);
	assert_int_equal(c->core, 12);
	assert_int_equal(c->core_ns, 345000000);
	assert_false(row_has(c->has, CPU_THROTTLE_package));
	run_source(h, "power_supply", out, power, NULL, 0);
	t = out[TABLE_power_supply];
	const struct power_supply *p = table_at(t, 0);

	assert_string_equal(table_text(t, p->type), "Battery");
	assert_false(row_has(p->has, POWER_SUPPLY_scope));
	drop_tables(out);
	host_free(h);
}

static void contiguous_memory_of_a_tree(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_cma, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put("sys/kernel/mm/cma/reserved/total_pages", "16384\n");
	put("sys/kernel/mm/cma/reserved/available_pages", "16000\n");
	put("sys/kernel/mm/cma/linux,cma/alloc_pages_success", "7\n");
	put("sys/kernel/mm/cma/odd/total_pages", "1\n");
	put("sys/kernel/mm/cma/odd/available_pages", "2\n");
	run_source(h, "cma", out, ids, NULL, 0);
	const struct table *t = out[TABLE_cma];
	size_t known = 0;

	assert_true(t->state == STATE_OK && t->n == 3);
	for (table_each(const struct cma, a, t)) {
		if (!row_has(a->has, CMA_device_bytes))
			continue;
		known++;
		assert_string_equal(table_text(t, a->name), "reserved");
		assert_int_equal(a->device_bytes, 384 * (uint64_t)host_page_size(h));
	}
	assert_int_equal(known, 1);
	drop_tables(out);
	host_free(h);
}

static void put_process(unsigned pid, unsigned threads, unsigned uid, const char *limit)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%u/stat", pid);
	snprintf(text, sizeof(text),
		"%u (w) S 1 1 1 0 -1 4194304 9 7 0 0 1 2 0 0 20 0 %u 0 %u 99 9 0 0\n", pid, threads,
		pid);
	put(path, text);
	snprintf(path, sizeof(path), "proc/%u/owner", pid);
	snprintf(text, sizeof(text), "%u\n", uid);
	put(path, text);
	snprintf(path, sizeof(path), "proc/%u/limits", pid);
	snprintf(text, sizeof(text),
		"Max processes             %s                 200                  processes\n"
		"Max open files            1024                 4096                 files\n",
		limit);
	put(path, text);
}

static void users_of_a_tree(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_process, TABLE_none };
	static const enum table_id users[] = { TABLE_user_tasks, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h = open_tree();

	put_process(50, 40, 1000, "100");
	put_process(51, 8, 1000, "64"); /* the youngest */
	put_process(52, 47, 33, "50");  /* few */
	put_process(53, 100, 0, "50");  /* root */
	put_process(54, 100, 34, "unlimited");
	run_source(h, "process", out, ids, NULL, 0);
	assert_int_equal(
		((struct process *)table_at(out[TABLE_process], 0))->child_minor_faults, 7);
	run_source(h, "user_tasks", out, users, NULL, 0);
	const struct user_tasks *u = table_find(out[TABLE_user_tasks], 1000);

	assert_int_equal(out[TABLE_user_tasks]->n, 4);
	assert_int_equal(u->processes, 2);
	assert_int_equal(u->threads, 48);
	assert_int_equal(u->limit, 64);
	assert_int_equal(u->pid, 51);
	u = table_find(out[TABLE_user_tasks], 33);
	assert_false(row_has(u->has, USER_TASKS_limit));
	u = table_find(out[TABLE_user_tasks], 0);
	assert_false(row_has(u->has, USER_TASKS_limit));
	u = table_find(out[TABLE_user_tasks], 34);
	assert_true(row_has(u->has, USER_TASKS_pid) && !row_has(u->has, USER_TASKS_limit));
	drop_tables(out);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_machine_answers),
		cmocka_unit_test(delays_by_their_layout),
		cmocka_unit_test_setup_teardown(owners_of_a_tree, make_top, drop_top),
		cmocka_unit_test_setup_teardown(clocks_of_a_tree, make_top, drop_top),
		cmocka_unit_test(text_of_answers),
		cmocka_unit_test(the_log_of_clocks),
		cmocka_unit_test_setup_teardown(frequencies_of_a_tree, make_top, drop_top),
		cmocka_unit_test_setup_teardown(a_cpu_that_is_off, make_top, drop_top),
		cmocka_unit_test_setup_teardown(links_of_a_tree, make_top, drop_top),
		cmocka_unit_test_setup_teardown(heat_and_power_of_a_tree, make_top, drop_top),
		cmocka_unit_test_setup_teardown(contiguous_memory_of_a_tree, make_top, drop_top),
		cmocka_unit_test_setup_teardown(users_of_a_tree, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
