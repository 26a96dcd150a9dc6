/* SPDX-License-Identifier: MIT */
/* What is counted, per second, per CPU or per thing counted: over the look, and since boot. */
#include "view/fact.h"

#include "model/cpu.h"

#include <string.h>

enum per {
	PER_SECOND,
	PER_CPU_SECOND, /* and per CPU */
	PER_TIME,       /* nanoseconds a second: a share */
	PER_CPU_TIME,   /* the same of all CPUs */
	PER_OTHER,      /* per what column other counts */
	NOT_PER,        /* the counter itself */
};

/* Rows with the same of are added up. */
struct rule {
	enum fact_id fact;
	enum table_id table;
	unsigned int column, other;
	enum per per;
	int of; /* column that names the row; -1: all rows together */
	bool (*keep)(const struct table *t, const void *row);
};

/* The row of all CPUs together. */
static bool all_cpus(const struct table *t UNUSED, const void *row)
{
	return ((const struct cpu *)row)->id == -1;
}

static bool whole_disk(const struct table *t, const void *row)
{
	const struct disk *d = row;
	const char *name = table_text(t, d->name);

	return !d->partition && strncmp(name, "loop", 4) != 0 && strncmp(name, "ram", 3) != 0 &&
	       d->reads + d->writes > 0;
}

#define CPU_RULE(fact, column)                                                      \
	{                                                                           \
		FACT_##fact, TABLE_cpu, CPU_##column, 0, PER_CPU_TIME, -1, all_cpus \
	}
#define RULE(fact, table, column, per)                               \
	{                                                            \
		FACT_##fact, TABLE_##table, column, 0, per, -1, NULL \
	}
#define DISK_RULE(fact, column, other, per)                                               \
	{                                                                                 \
		FACT_##fact, TABLE_disk, DISK_##column, other, per, DISK_name, whole_disk \
	}

static const struct rule rules[] = {
	CPU_RULE(cpu_user, user_ns),
	CPU_RULE(cpu_user, nice_ns),
	CPU_RULE(cpu_system, system_ns),
	CPU_RULE(cpu_iowait, iowait_ns),
	CPU_RULE(cpu_irq, irq_ns),
	CPU_RULE(cpu_softirq, softirq_ns),
	CPU_RULE(cpu_steal, steal_ns),
	RULE(switches, kernel_stat, KERNEL_STAT_context_switches, PER_CPU_SECOND),
	RULE(interrupts, kernel_stat, KERNEL_STAT_interrupts, PER_CPU_SECOND),
	RULE(forks, kernel_stat, KERNEL_STAT_forks, PER_SECOND),
	RULE(major_faults, vmstat, VMSTAT_major_faults, PER_SECOND),
	RULE(swap_in, vmstat, VMSTAT_swap_in_pages, PER_SECOND),
	RULE(swap_out, vmstat, VMSTAT_swap_out_pages, PER_SECOND),
	RULE(reclaim, vmstat, VMSTAT_alloc_stalls, PER_SECOND),
	RULE(refaults, vmstat, VMSTAT_refault_file_pages, PER_SECOND),
	RULE(oom_kills, vmstat, VMSTAT_oom_kills, NOT_PER),
	{ FACT_stall, TABLE_pressure, PRESSURE_some_total_ns, 0, PER_TIME, PRESSURE_resource,
		NULL },
	DISK_RULE(read_time, read_wait_ns, DISK_reads, PER_OTHER),
	DISK_RULE(write_time, write_wait_ns, DISK_writes, PER_OTHER),
	DISK_RULE(disk_busy, busy_ns, 0, PER_TIME),
	DISK_RULE(disk_iops, reads, 0, PER_SECOND),
	DISK_RULE(disk_iops, writes, 0, PER_SECOND),
	DISK_RULE(disk_read, read_bytes, 0, PER_SECOND),
	DISK_RULE(disk_written, written_bytes, 0, PER_SECOND),
	{ FACT_retransmits, TABLE_snmp, SNMP_tcp_retransmitted, SNMP_tcp_out_segments, PER_OTHER,
		-1, NULL },
	RULE(listen_overflows, snmp, SNMP_tcp_listen_overflows, PER_SECOND),
	RULE(resets, snmp, SNMP_tcp_out_resets, PER_SECOND),
	RULE(tcp_out, snmp, SNMP_tcp_out_segments, PER_SECOND),
	RULE(connects, snmp, SNMP_tcp_active_opens, PER_SECOND),
	RULE(connects, snmp, SNMP_tcp_passive_opens, PER_SECOND),
	RULE(udp_errors, snmp, SNMP_udp_in_errors, PER_SECOND),
	RULE(packet_drops, softnet, SOFTNET_dropped, PER_SECOND),
	RULE(packet_squeezes, softnet, SOFTNET_squeezed, PER_SECOND),
};

/* Sums of a column over the rows that have it. */
struct sum {
	double column, other;
	bool some;
};

static void sum_add(struct sum *s, struct reading column, struct reading other, bool needs_other)
{
	if (!reading_ok(column) || (needs_other && !reading_ok(other)))
		return;
	s->column += column.value;
	s->other += needs_other ? other.value : 0;
	s->some = true;
}

/*
 * The number of a sum over ns nanoseconds. Events are what can be counted: of times the 10 ms ticks
 * of /proc/stat, of means the things they are means of.
 */
static struct measure measure_of(const struct rule *r, const struct sum *s, double ns, double cpus)
{
	bool times = r->per == PER_TIME || r->per == PER_CPU_TIME;
	struct measure m = { .events = times ? s->column / 1e7 : s->column };

	if (!s->some)
		return m;
	if (r->per == NOT_PER) {
		m.value = reading_of(s->column);
	} else if (r->per == PER_OTHER) {
		m.value = ratio_of(s->column, s->other);
		/* Of a mean the things that it is a mean of count, of a share the smaller part. */
		m.events = fact_kinds[r->fact].unit == UNIT_NS ? s->other : s->column;
	} else if (ns > 0) {
		double seconds = ns / 1e9;
		bool each = r->per == PER_CPU_SECOND || r->per == PER_CPU_TIME;

		if (!each || cpus > 0)
			m.value =
				reading_of(s->column / (times ? ns : seconds) / (each ? cpus : 1));
	}
	return m;
}

/* Are rows a and b of t of one group? */
static bool same_group(const struct rule *r, const struct table *t, const void *a, const void *b)
{
	text_t ta, tb;

	if (r->of < 0)
		return true;
	memcpy(&ta, (const char *)a + t->schema->columns[r->of].offset, sizeof(ta));
	memcpy(&tb, (const char *)b + t->schema->columns[r->of].offset, sizeof(tb));
	return ta == tb;
}

/* The group of row first, with all rules of the same fact, as one fact. */
static void put_group(const struct model *m, struct facts *f, const struct rule *r, size_t n_rules,
	const struct table *t, const void *first)
{
	struct sum now = { 0 }, ever = { 0 };
	bool needs_other = r->per == PER_OTHER;
	double cpus = m->cpu ? (double)m->cpu->cpus : 0;
	const char *of = "";
	text_t name;

	for (size_t i = 0; i < t->n; i++) {
		const void *row = table_at(t, i);

		if ((r->keep && !r->keep(t, row)) || !same_group(r, t, first, row))
			continue;
		for (size_t k = 0; k < n_rules; k++) {
			sum_add(&now, model_delta(m, r->table, row, r[k].column),
				model_delta(m, r->table, row, r[k].other), needs_other);
			sum_add(&ever, table_cell(t, row, r[k].column),
				table_cell(t, row, r[k].other), needs_other);
		}
	}
	if (r->of >= 0) {
		memcpy(&name, (const char *)first + t->schema->columns[r->of].offset, sizeof(name));
		of = table_text(t, name);
	}
	struct fact fact = { .id = r->fact, .of = of };

	fact.ever = measure_of(r, &ever, (double)m->now->boottime_ns, cpus);
	fact.now = r->per == NOT_PER
			   ? fact.ever
			   : measure_of(r, &now, (double)model_elapsed_ns(m, r->table), cpus);
	if (reading_ok(fact.now.value) || reading_ok(fact.ever.value))
		facts_put(f, &fact);
}

static void apply(const struct model *m, struct facts *f, const struct rule *r, size_t n_rules)
{
	const struct table *t = frame_table(m->now, r->table);

	if (!facts_from(f, r->fact, t))
		return;
	for (size_t i = 0; i < t->n; i++) {
		const void *row = table_at(t, i);

		if (r->keep && !r->keep(t, row))
			continue;
		put_group(m, f, r, n_rules, t, row);
		if (r->of < 0)
			return;
	}
}

void facts_of_rates(const struct model *m, struct facts *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules);) {
		size_t n = 1;

		while (i + n < ARRAY_SIZE(rules) && rules[i + n].fact == rules[i].fact)
			n++;
		apply(m, f, &rules[i], n);
		i += n;
	}
}
