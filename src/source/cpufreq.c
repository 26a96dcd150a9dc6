/* SPDX-License-Identifier: MIT */
#include "source/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HZ_PER_KHZ = 1000 };

static void read_khz(
	struct probe *p, struct table *t, struct cpufreq *f, const char *file, unsigned int column)
{
	char path[96];
	uint64_t value;

	snprintf(path, sizeof(path), CPUS "/cpu%llu/cpufreq/%s", (unsigned long long)f->cpu, file);
	int err = probe_number(p, path, &value);

	if (err == 0 && __builtin_mul_overflow(value, HZ_PER_KHZ, &value))
		err = -EINVAL;
	if (err == 0)
		row_put(t->schema, f, column, value);
	else
		t->cell[column] = (uint8_t)state_of_errno(err);
}

static void read_text(
	struct probe *p, struct table *t, struct cpufreq *f, const char *file, unsigned int column)
{
	char path[96], text[64];

	snprintf(path, sizeof(path), CPUS "/cpu%llu/cpufreq/%s", (unsigned long long)f->cpu, file);
	int n = probe_line(p, path, text, sizeof(text));

	if (n >= 0)
		row_put(t->schema, f, column, table_intern(t, text, (size_t)n));
	else
		t->cell[column] = (uint8_t)state_of_errno(n);
}

/* The drivers that choose the frequency themselves (intel_pstate, amd-pstate) say more. */
static void read_driver(struct probe *p, struct table *t, struct cpufreq *f)
{
	read_text(p, t, f, "scaling_driver", CPUFREQ_driver);
	if (!strstr(table_text(t, f->driver), "pstate"))
		return;
	read_text(p, t, f, "energy_performance_preference", CPUFREQ_preference);
	read_khz(p, t, f, "base_frequency", CPUFREQ_base_hz);
}

/* A row for each CPU that has a governor; CPUs that are offline or in most guests have none. */
static int read_governors(struct probe *p, struct table *t, const struct strbuf *names)
{
	char path[96], text[64];
	uint64_t cpu;

	for (const char *name = NULL; (name = host_next_name(names, name));) {
		if (!cpus_number(name, &cpu))
			continue;
		snprintf(path, sizeof(path), CPUS "/cpu%llu/cpufreq/scaling_governor",
			(unsigned long long)cpu);
		int n = probe_line(p, path, text, sizeof(text));

		/* Without a driver for one that runs there is none for the others. */
		if (n == -ENOENT && t->n == 0 && !cpus_off(p, cpu))
			break;
		if (n < 0)
			continue;
		struct cpufreq *f = table_add(t);

		if (!f)
			return -ENOMEM;
		row_put(t->schema, f, CPUFREQ_cpu, cpu);
		row_put(t->schema, f, CPUFREQ_governor, table_intern(t, text, (size_t)n));
		read_khz(p, t, f, "scaling_max_freq", CPUFREQ_limit_hz);
		read_khz(p, t, f, "cpuinfo_max_freq", CPUFREQ_max_hz);
		read_driver(p, t, f);
	}
	return 0;
}

/*
 * drivers/cpufreq/cpufreq.c. scaling_cur_freq comes last and only while there is time: x86 kernels
 * from 4.13 to 5.17 sleep 10 ms in it (arch/x86/kernel/cpu/aperfmperf.c).
 */
static int read_cpufreq(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_cpufreq);
	auto_strbuf names = { 0 };

	if (!t)
		return 0;
	int err = host_list(p->host, CPUS, &names);

	if (err == 0)
		err = read_governors(p, t, &names);
	if (err < 0)
		return err;
	if (t->n == 0) {
		table_fail(t, STATE_ABSENT, "no cpufreq driver, as in most guests");
		return 0;
	}
	t->state = STATE_OK;
	for (table_each(struct cpufreq, f, t)) {
		if (probe_late(p)) {
			t->cell[CPUFREQ_current_hz] = STATE_LATE;
			break;
		}
		read_khz(p, t, f, "scaling_cur_freq", CPUFREQ_current_hz);
	}
	return 0;
}

const struct source source_cpufreq = {
	.name = "cpufreq",
	.fills = { TABLE_cpufreq },
	.deadline_ns = 200000000,
	.read = read_cpufreq,
};
