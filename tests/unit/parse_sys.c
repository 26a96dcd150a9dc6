/* SPDX-License-Identifier: MIT */
/* Parsers of the sources that look at the whole machine. */
#include "source/source.h"
#include "tests/unit/parse.h"

#include <math.h>

static void vmstat_sums_zones(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_vmstat]);

	assert_int_equal(parse_corpus("vmstat/3.10-handmade", vmstat_parse, t), 0);
	const struct vmstat *v = table_at(t, 0);

	assert_int_equal(v->dirty_threshold_pages, 28471);
	assert_int_equal(v->scan_kswapd_pages, 2301);
	assert_int_equal(v->scan_direct_pages, 23); /* without pgscan_direct_throttle */
	assert_int_equal(v->steal_kswapd_pages, 1200);
	assert_int_equal(v->alloc_stalls, 9);
	assert_false(row_has(v->has, VMSTAT_oom_kills));
	assert_false(row_has(v->has, VMSTAT_refault_file_pages));

	assert_int_equal(parse_corpus("vmstat/4.19-handmade", vmstat_parse, t), 0);
	v = table_at(t, 1);
	assert_int_equal(v->alloc_stalls, 321);
	assert_int_equal(v->refault_file_pages, 4711);
	assert_false(row_has(v->has, VMSTAT_refault_anon_pages));
	assert_int_equal(v->oom_kills, 2);

	assert_int_equal(parse_corpus("vmstat/6.18", vmstat_parse, t), 0);
	v = table_at(t, 2);
	assert_int_equal(v->has, ((has_t)1 << VMSTAT_COLUMNS) - 1);
	table_unref(t);
}

static void vmstat_damage(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_vmstat]);

	assert_int_equal(parse_corpus("vmstat/repeated", vmstat_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("vmstat/overflow-in-sum", vmstat_parse, t), -EINVAL);
	assert_int_equal(parse_text("nr_free_pages 1\n", vmstat_parse, t), -ENODATA);
	assert_int_equal(parse_text("", vmstat_parse, t), -ENODATA);
	assert_int_equal(parse_text("nr_dirty 5 5\n", vmstat_parse, t), -EINVAL);
	assert_int_equal(parse_text("nr_dirty\n", vmstat_parse, t), -EINVAL);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

static void stat_and_cpus(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_kernel_stat]),
		     *cpus = table_new(schemas[TABLE_cpu]);

	assert_int_equal(parse_corpus("kernel_stat/3.10-handmade", kernel_stat_parse, t), 0);
	const struct kernel_stat *s = table_at(t, 0);

	assert_int_equal(s->interrupts, 199292450);
	assert_int_equal(s->boot_s, 1062191376);
	assert_int_equal(s->forks, 2915);
	assert_int_equal(s->running, 1);
	assert_true(row_has(s->has, KERNEL_STAT_blocked));

	assert_int_equal(parse_corpus("cpu/3.10-handmade-cpu1-offline", cpu_parse, cpus), 0);
	assert_int_equal(cpus->n, 3);
	const struct cpu *c = table_at(cpus, 0);

	assert_int_equal(c[0].id, -1);
	assert_int_equal(c[0].user_ns, 101321530000000);
	assert_int_equal(c[2].id, 2);
	assert_int_equal(c[2].guest_ns, 200000000000);
	table_unref(t);
	table_unref(cpus);
}

static void cpu_old_and_damaged(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_cpu]);

	assert_int_equal(parse_corpus("cpu/2.6.32-handmade", cpu_parse, t), 0);
	const struct cpu *c = table_at(t, 0);

	assert_int_equal(c->steal_ns, 80000000);
	assert_false(row_has(c->has, CPU_guest_ns));
	assert_int_equal(t->n, 2);
	assert_int_equal(parse_corpus("cpu/overflow", cpu_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("cpu/short", cpu_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("cpu/repeated", cpu_parse, t), -EINVAL);
	assert_int_equal(parse_text("cpu  1 2 3 4\ncpu0 1 2 3 4 x\n", cpu_parse, t), -EINVAL);
	assert_int_equal(parse_text("ctxt 1\n", cpu_parse, t), -ENODATA);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

static void loadavg_numbers(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_loadavg]);

	assert_int_equal(parse_corpus("loadavg/3.10-handmade", loadavg_parse, t), 0);
	const struct loadavg *l = table_at(t, 0);

	assert_true(fabs(l->load_15m - 0.05) < 1e-9);
	assert_int_equal(l->runnable, 2);
	assert_int_equal(l->tasks, 4194304);
	assert_int_equal(parse_corpus("loadavg/garbage", loadavg_parse, t), -EINVAL);
	assert_int_equal(parse_text("", loadavg_parse, t), -ENODATA);
	assert_int_equal(parse_text("1.0 1.0 1.0 1", loadavg_parse, t), -EINVAL);
	assert_int_equal(t->n, 1);
	table_unref(t);
}

static void pressure_halves(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_pressure]);

	assert_int_equal(parse_corpus("pressure/4.20-cpu-handmade", pressure_parse, t), 0);
	const struct pressure *p = table_at(t, 0);

	assert_true(row_has(p->has, PRESSURE_some_total_ns));
	assert_false(row_has(p->has, PRESSURE_full_total_ns));
	assert_false(row_has(p->has, PRESSURE_resource));
	assert_int_equal(parse_corpus("pressure/6.1-irq-handmade", pressure_parse, t), 0);
	p = table_at(t, 1);
	assert_false(row_has(p->has, PRESSURE_some_10s_ratio));
	assert_int_equal(p->full_total_ns, 1234567000);
	assert_true(fabs(p->full_10s_ratio - 0.0011) < 1e-9);
	assert_int_equal(parse_corpus("pressure/overflow", pressure_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("pressure/repeated", pressure_parse, t), -EINVAL);
	assert_int_equal(parse_text("some avg10=1.00 avg60=", pressure_parse, t), -EINVAL);
	assert_int_equal(parse_text("", pressure_parse, t), -ENODATA);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

static void disk_kernels(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_disk]);

	assert_int_equal(parse_corpus("disk/3.10-handmade", disk_parse, t), 0);
	assert_int_equal(t->n, 4);
	const struct disk *d = table_at(t, 0);

	assert_int_equal(d[0].dev, (uint64_t)8 << 32);
	assert_string_equal(table_text(t, d[0].name), "sda");
	assert_int_equal(d[0].read_bytes, 7423910ull * 512);
	assert_int_equal(d[0].write_wait_ns, 8123311000000);
	assert_int_equal(d[0].in_flight, 2);
	assert_int_equal(d[0].queue_ns, 8441120000000);
	assert_string_equal(table_text(t, d[3].name), "cciss/c0d0");
	assert_false(row_has(d[0].has, DISK_partition));
	assert_int_equal(parse_corpus("disk/4.18-handmade", disk_parse, t), 0);
	assert_int_equal(t->n, 6);
	assert_int_equal(parse_corpus("disk/short", disk_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("disk/overflow", disk_parse, t), -EINVAL);
	assert_int_equal(parse_text("8 0 a 1 2 3 4 5 6 7 8 9 10 11\n8 1", disk_parse, t), -EINVAL);
	assert_int_equal(parse_text("", disk_parse, t), 0);
	assert_int_equal(t->n, 6);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmstat_sums_zones),
		cmocka_unit_test(vmstat_damage),
		cmocka_unit_test(stat_and_cpus),
		cmocka_unit_test(cpu_old_and_damaged),
		cmocka_unit_test(loadavg_numbers),
		cmocka_unit_test(pressure_halves),
		cmocka_unit_test(disk_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
