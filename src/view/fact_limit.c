/* SPDX-License-Identifier: MIT */
/* Limits of programs and groups, and what programs of the same name take. */
#include "view/fact.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Numbers of one process, under the name that it is compared by. NAN: unknown. */
enum { PROGRAM_NUMBERS = 6 };
struct program {
	const char *name;
	double number[PROGRAM_NUMBERS];
};

static const struct {
	enum fact_id fact;
	unsigned int column; /* of process_limits */
} limits[] = {
	{ FACT_limit_files, PROCESS_LIMITS_fd_soft },
	{ FACT_limit_processes, PROCESS_LIMITS_processes_soft },
	{ FACT_limit_address, PROCESS_LIMITS_address_space_soft_bytes },
	{ FACT_limit_locked, PROCESS_LIMITS_locked_soft_bytes },
};
enum { CPU_TIME = ARRAY_SIZE(limits), MEMORY };

static int compare_programs(const void *a, const void *b)
{
	return strcmp(((const struct program *)a)->name, ((const struct program *)b)->name);
}

/* Of several processes of that name the lowest limit counts, and the sum of what they take. */
static void fold(struct program *to, const struct program *p)
{
	for (size_t i = 0; i < PROGRAM_NUMBERS; i++) {
		if (isnan(to->number[i]))
			to->number[i] = p->number[i];
		else if (i >= CPU_TIME && !isnan(p->number[i]))
			to->number[i] += p->number[i];
		else if (p->number[i] < to->number[i])
			to->number[i] = p->number[i];
	}
}

static void put_program(struct facts *f, const struct program *p, double elapsed_ns)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (!isnan(p->number[i]))
			facts_number(f, limits[i].fact, p->name, reading_of(p->number[i]));
	}
	facts_number(f, FACT_process_memory, p->name, reading_of(p->number[MEMORY]));
	if (!isnan(p->number[CPU_TIME]) && elapsed_ns > 0)
		facts_put(f, &(struct fact){ .id = FACT_process_cpu,
				     .of = p->name,
				     .now = { reading_of(p->number[CPU_TIME] / elapsed_ns),
					     p->number[CPU_TIME] / 1e7 } });
}

static struct program program_of(
	const struct model *m, const struct table *t, const struct process *p)
{
	const struct table *lt = frame_table(m->now, TABLE_process_limits);
	const struct process_limits *l = table_find(lt, p->pid);
	struct program program = { .name = table_text(t, p->comm) };
	struct reading user = model_delta(m, TABLE_process, p, PROCESS_user_ns);
	struct reading system = model_delta(m, TABLE_process, p, PROCESS_system_ns);

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct reading value =
			l ? table_cell(lt, l, limits[i].column) : reading_none(STATE_ABSENT);

		/* A cell without a value is one without a limit. */
		program.number[i] = !l ? NAN : reading_ok(value) ? value.value : INFINITY;
	}
	program.number[CPU_TIME] =
		reading_ok(user) && reading_ok(system) ? user.value + system.value : NAN;
	program.number[MEMORY] = (double)p->resident_bytes;
	return program;
}

static void program_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_process);
	double elapsed = (double)model_elapsed_ns(m, TABLE_process);
	size_t n = 0, last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		facts_from(f, limits[i].fact, frame_table(m->now, TABLE_process_limits));
	facts_from(f, FACT_process_cpu, t);
	if (!facts_from(f, FACT_process_memory, t) || t->n == 0)
		return;
	auto_free struct program *list = mem_new(t->n, sizeof(*list));

	if (!list) {
		f->failed = true;
		return;
	}
	for (table_each(const struct process, p, t)) {
		if (!p->kthread)
			list[n++] = program_of(m, t, p);
	}
	if (n == 0)
		return;
	qsort(list, n, sizeof(*list), compare_programs);
	for (size_t i = 1; i < n; i++) {
		if (compare_programs(&list[last], &list[i]) == 0)
			fold(&list[last], &list[i]);
		else
			list[++last] = list[i];
	}
	for (size_t i = 0; i <= last; i++)
		put_program(f, &list[i], elapsed);
}

/* A limit of a group whose controller answers, as given tells: without a value it has none. */
static void group_limit(struct facts *f, enum fact_id id, const char *path, bool given,
	struct reading limit, double per)
{
	if (reading_ok(limit))
		facts_number(f, id, path, reading_of(limit.value / per));
	else if (given)
		facts_number(f, id, path, reading_of(INFINITY));
}

static void group_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);

	facts_from(f, FACT_group_memory, t);
	facts_from(f, FACT_group_high, t);
	facts_from(f, FACT_group_cpu, t);
	facts_from(f, FACT_group_pids, t);
	for (table_each(const struct cgroup, g, t)) {
		const char *path = table_text(t, g->path);
		bool memory = row_has(g->has, CGROUP_memory_bytes);
		bool period = row_has(g->has, CGROUP_cpu_period_ns) && g->cpu_period_ns > 0;

		group_limit(f, FACT_group_memory, path, memory,
			table_cell(t, g, CGROUP_memory_max_bytes), 1);
		group_limit(f, FACT_group_high, path, memory && g->version == 2,
			table_cell(t, g, CGROUP_memory_high_bytes), 1);
		group_limit(f, FACT_group_cpu, path, period || row_has(g->has, CGROUP_cpu_usage_ns),
			period ? table_cell(t, g, CGROUP_cpu_quota_ns) : reading_none(STATE_ABSENT),
			period ? (double)g->cpu_period_ns : 1);
		group_limit(f, FACT_group_pids, path, row_has(g->has, CGROUP_pids),
			table_cell(t, g, CGROUP_pids_max), 1);
	}
}

void facts_of_limits(const struct model *m, struct facts *f)
{
	program_facts(m, f);
	group_facts(m, f);
}
