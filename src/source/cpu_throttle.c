/* SPDX-License-Identifier: MIT */
#include "source/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

static const struct {
	const char *file;
	unsigned int column;
	uint64_t scale;
} counters[] = {
	{ "core_throttle_count", CPU_THROTTLE_core, 1 },
	{ "package_throttle_count", CPU_THROTTLE_package, 1 },
	{ "core_throttle_total_time_ms", CPU_THROTTLE_core_ns, NS_PER_MS },
	{ "package_throttle_total_time_ms", CPU_THROTTLE_package_ns, NS_PER_MS },
	{ "package_power_limit_count", CPU_THROTTLE_power_limits, 1 },
};

static int read_counter(
	struct probe *p, uint64_t cpu, const char *file, uint64_t scale, uint64_t *ret_value)
{
	char path[112];
	uint64_t value;

	snprintf(path, sizeof(path), CPUS "/cpu%llu/thermal_throttle/%s", (unsigned long long)cpu,
		file);
	int err = probe_number(p, path, &value);

	if (err == 0 && __builtin_mul_overflow(value, scale, ret_value))
		err = -EINVAL;
	return err;
}

/* What the first CPU that runs does not have the others do not have. */
static int read_one(struct probe *p, struct table *t, uint64_t cpu)
{
	struct cpu_throttle row = { 0 };
	uint64_t value;

	row_put(t->schema, &row, CPU_THROTTLE_cpu, cpu);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		unsigned int column = counters[i].column;

		if (t->n > 0 && t->cell[column] != STATE_ABSENT)
			continue;
		if (t->n > 0 && !row_has(((struct cpu_throttle *)table_at(t, 0))->has, column))
			continue;
		int err = read_counter(p, cpu, counters[i].file, counters[i].scale, &value);

		if (err == 0)
			row_put(t->schema, &row, column, value);
		else if (i == 0)
			return err;
		else
			t->cell[column] = (uint8_t)state_of_errno(err);
	}
	struct cpu_throttle *to = table_add(t);

	if (!to)
		return -ENOMEM;
	*to = row;
	return 0;
}

/*
 * arch/x86/kernel/cpu/mce/therm_throt.c, drivers/thermal/intel/therm_throt.c: Intel, not in guests.
 */
static int read_cpu_throttle(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_cpu_throttle);
	auto_strbuf names = { 0 };
	uint64_t cpu;

	int err = t ? host_list(p->host, CPUS, &names) : 0;

	if (!t || err < 0)
		return err;
	for (const char *name = NULL; (name = host_next_name(&names, name));) {
		if (!cpus_number(name, &cpu))
			continue;
		if (probe_late(p)) {
			table_fail(t, STATE_LATE, "%zu CPUs in time", t->n);
			return 0;
		}
		err = read_one(p, t, cpu);
		if (err == -ENOMEM)
			return err;
		if (err < 0 && t->n == 0 && !cpus_off(p, cpu))
			break;
	}
	if (t->n > 0)
		t->state = STATE_OK;
	else
		table_fail(t, STATE_ABSENT, "no thermal_throttle: a guest, or not an Intel CPU");
	return 0;
}

const struct source source_cpu_throttle = {
	.name = "cpu_throttle",
	.fills = { TABLE_cpu_throttle },
	.deadline_ns = 200000000,
	.read = read_cpu_throttle,
};
