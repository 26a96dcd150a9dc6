/* SPDX-License-Identifier: MIT */
#include "model/cpu.h"

#include <string.h>

enum { ALL_CPUS = -1 };

/* The columns that add up to the time that a CPU had; guest is already in user and nice. */
static const unsigned int parts[] = { CPU_user_ns, CPU_nice_ns, CPU_system_ns, CPU_idle_ns,
	CPU_iowait_ns, CPU_irq_ns, CPU_softirq_ns, CPU_steal_ns };

/*
 * idle and iowait may go back by a little (kernel/sched/cputime.c, get_cpu_iowait_time_us() is
 * racy) and old kernels lack late columns: both count as no time.
 */
static double total_of(const struct model *m, const struct cpu *row)
{
	double total = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		total += model_grown(m, TABLE_cpu, row, parts[i]);
	return total;
}

struct reading cpu_part(const struct model *m, const struct cpu *row, unsigned int column)
{
	return ratio_of(model_grown(m, TABLE_cpu, row, column), total_of(m, row));
}

bool cpu_clock_slow(const char *name)
{
	static const char *const slow[] = { "hpet", "acpi_pm", "pit", "jiffies",
		"refined-jiffies" };

	for (size_t i = 0; i < ARRAY_SIZE(slow); i++) {
		if (strcmp(name, slow[i]) == 0)
			return true;
	}
	return false;
}

static struct reading busy_of(const struct model *m, const struct cpu *row)
{
	double total = total_of(m, row);

	return ratio_of(total - model_grown(m, TABLE_cpu, row, CPU_idle_ns) -
				model_grown(m, TABLE_cpu, row, CPU_iowait_ns) -
				model_grown(m, TABLE_cpu, row, CPU_steal_ns),
		total);
}

static void fold_all(struct cpu_model *cm, const struct model *m, const struct cpu *row)
{
	double total = total_of(m, row);

	cm->user = ratio_of(model_grown(m, TABLE_cpu, row, CPU_user_ns), total);
	cm->nice = ratio_of(model_grown(m, TABLE_cpu, row, CPU_nice_ns), total);
	cm->system = ratio_of(model_grown(m, TABLE_cpu, row, CPU_system_ns), total);
	cm->irq = ratio_of(model_grown(m, TABLE_cpu, row, CPU_irq_ns), total);
	cm->softirq = ratio_of(model_grown(m, TABLE_cpu, row, CPU_softirq_ns), total);
	cm->iowait = ratio_of(model_grown(m, TABLE_cpu, row, CPU_iowait_ns), total);
	cm->idle = ratio_of(model_grown(m, TABLE_cpu, row, CPU_idle_ns), total);
	cm->busy = busy_of(m, row);
	if (row_has(row->has, CPU_steal_ns))
		cm->steal = ratio_of(model_grown(m, TABLE_cpu, row, CPU_steal_ns), total);
}

static void fold_queue(struct cpu_model *cm, const struct model *m)
{
	const struct kernel_stat *now = frame_row(m->now, TABLE_kernel_stat),
				 *was = frame_row(m->was, TABLE_kernel_stat);
	const struct loadavg *load = frame_row(m->now, TABLE_loadavg);

	if (now && row_has(now->has, KERNEL_STAT_running)) {
		cm->runnable = reading_of((double)now->running);
		if (was && row_has(was->has, KERNEL_STAT_running) && was->running < now->running)
			cm->runnable.value = (double)was->running;
	}
	if (load && row_has(load->has, LOADAVG_load_1m))
		cm->load_1m = reading_of(load->load_1m);
}

static void fold_pressure(struct cpu_model *cm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_pressure);
	uint64_t elapsed_ns = model_elapsed_ns(m, TABLE_pressure);

	if (!table_usable(t))
		return;
	for (table_each(struct pressure, p, t)) {
		if (strcmp(table_text(t, p->resource), "cpu") != 0)
			continue;
		cm->stalled_10s = table_cell(t, p, PRESSURE_some_10s_ratio);
		cm->stalled = model_delta(m, TABLE_pressure, p, PRESSURE_some_total_ns);
		if (reading_ok(cm->stalled))
			cm->stalled = ratio_of(cm->stalled.value, (double)elapsed_ns);
		if (cm->stalled.value > 1)
			cm->stalled.value = 1;
	}
}

static int step(void *self, const struct model *m, struct arena *a UNUSED)
{
	struct cpu_model *cm = self;
	const struct table *t = frame_table(m->now, TABLE_cpu);

	*cm = (struct cpu_model){ .state = t ? t->state : STATE_ABSENT, .busiest_cpu = -1 };
	fold_queue(cm, m);
	fold_pressure(cm, m);
	if (!table_usable(t))
		return 0;
	cm->looked_ns = model_elapsed_ns(m, TABLE_cpu);
	for (table_each(struct cpu, row, t)) {
		if (row->id == ALL_CPUS) {
			fold_all(cm, m, row);
			continue;
		}
		struct reading busy = busy_of(m, row);

		cm->cpus++;
		if (reading_ok(busy) &&
			(!reading_ok(cm->busiest) || busy.value > cm->busiest.value)) {
			cm->busiest = busy;
			cm->busiest_cpu = row->id;
		}
	}
	return 0;
}

const struct model_row model_cpu = {
	.name = "cpu",
	.needs = { { .table = TABLE_cpu, .rate = true, .optional = true },
		{ .table = TABLE_kernel_stat, .rate = true, .optional = true },
		{ .table = TABLE_loadavg, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true } },
	.size = sizeof(struct cpu_model),
	.step = step,
};
