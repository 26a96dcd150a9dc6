/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>

/* intr has a number per interrupt line: hundreds of KiB on hosts with many CPUs. */
enum { STAT_LIMIT = 8 << 20 };

/*
 * /proc counts CPU time in USER_HZ, whatever CONFIG_HZ is, and USER_HZ is 100 on every
 * architecture but alpha and ia64 (include/asm-generic/param.h).
 */
enum { NS_PER_TICK = 10000000 };

static const struct key keys[] = {
	{ "intr", KERNEL_STAT_interrupts },
	{ "ctxt", KERNEL_STAT_context_switches },
	{ "btime", KERNEL_STAT_boot_s },
	{ "processes", KERNEL_STAT_forks },
	{ "procs_running", KERNEL_STAT_running },
	{ "procs_blocked", KERNEL_STAT_blocked },
};

/*
 * Parse the lines of /proc/stat that are no CPU's.
 *
 * Shape:  "name N"; what follows N is not read (intr and softirq: a number per interrupt).
 * Errors: -EINVAL malformed or repeated line, -ENODATA ctxt missing.
 * Source: fs/proc/stat.c, show_stat(); the same from 3.10 to 6.18.
 */
int kernel_stat_parse(const char *buf, size_t len, struct table *t)
{
	struct kernel_stat s = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	uint64_t seen = 0, value;
	struct span name;

	while (cursor_line(&c, &line)) {
		if (cursor_end(&line) || cursor_lit(&line, "cpu"))
			continue;
		if (!cursor_word(&line, &name) || !cursor_u64(&line, &value))
			return -EINVAL;
		int err = keys_put(keys, ARRAY_SIZE(keys), &seen, name, value, t->schema, &s);

		if (err < 0)
			return err;
	}
	if (!row_has(s.has, KERNEL_STAT_context_switches))
		return -ENODATA;
	struct kernel_stat *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

static int parse_cpu(struct cursor *line, struct cpu *ret_cpu)
{
	static const unsigned int order[] = { CPU_user_ns, CPU_nice_ns, CPU_system_ns, CPU_idle_ns,
		CPU_iowait_ns, CPU_irq_ns, CPU_softirq_ns, CPU_steal_ns, CPU_guest_ns };
	struct cpu cpu = { 0 };
	uint64_t id = 0, value;
	size_t n = 0;
	bool all = cursor_lit(line, " ");

	if (!all && (!cursor_u64(line, &id) || id > INT32_MAX))
		return -EINVAL;
	row_put(schemas[TABLE_cpu], &cpu, CPU_id, all ? UINT64_MAX : id);
	for (; n < ARRAY_SIZE(order) && cursor_u64(line, &value); n++) {
		if (__builtin_mul_overflow(value, NS_PER_TICK, &value))
			return -EINVAL;
		row_put(schemas[TABLE_cpu], &cpu, order[n], value);
	}
	cursor_blank(line);
	if (n <= CPU_idle_ns - CPU_user_ns || (n < ARRAY_SIZE(order) && !cursor_end(line)))
		return -EINVAL;
	*ret_cpu = cpu;
	return 0;
}

static int parse_cpus(struct cursor c, struct table *t)
{
	struct cursor line;
	int64_t last = -2;

	while (cursor_line(&c, &line)) {
		struct cpu cpu;

		if (!cursor_lit(&line, "cpu"))
			continue;
		/* Ascending in every kernel, so that a repeated CPU shows. */
		if (parse_cpu(&line, &cpu) < 0 || cpu.id <= last)
			return -EINVAL;
		last = cpu.id;
		struct cpu *row = table_add(t);

		if (!row)
			return -ENOMEM;
		*row = cpu;
	}
	return last == -2 ? -ENODATA : 0;
}

/*
 * Parse the CPU lines of /proc/stat. CPUs that are offline have none.
 *
 * Shape:  "cpu  user nice system idle iowait irq softirq steal guest guest_nice", then "cpuN ...".
 *         Columns at the end that a kernel lacks are absent; four are required.
 * Units:  ticks of USER_HZ.
 * Errors: -EINVAL malformed, repeated or too large, -ENODATA no line.
 * Source: fs/proc/stat.c, show_stat(); the same from 2.6.33 to 6.18.
 */
int cpu_parse(const char *buf, size_t len, struct table *t)
{
	size_t before = t->n;
	int err = parse_cpus(cursor_of(buf, len), t);

	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_stat(struct probe *p)
{
	static const char path[] = "proc/stat";
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, path, STAT_LIMIT, &text);

	probe_bytes(probe_table(p, TABLE_kernel_stat), path, err, &text, kernel_stat_parse);
	probe_bytes(probe_table(p, TABLE_cpu), path, err, &text, cpu_parse);
	return 0;
}

const struct source source_stat = {
	.name = "stat",
	.fills = { TABLE_kernel_stat, TABLE_cpu },
	.deadline_ns = 500000000,
	.read = read_stat,
};
