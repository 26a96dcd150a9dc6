/* SPDX-License-Identifier: MIT */
#include "view/fact.h"

#include "base/mem.h"

#include <string.h>

enum { MEMBER = FACT_MEMBER, NAMED = FACT_NAMED, QUIET = FACT_QUIET };

const struct fact_kind fact_kinds[FACTS] = {
#define FACT(id, name, unit, weight, ratio, size, manner, why) \
	[FACT_##id] = { #id, name, UNIT_##unit, weight, ratio, size, manner, why },
#include "view/fact.def"
#undef FACT
};

const struct need fact_needs[] = {
	{ .table = TABLE_setting, .optional = true },
	{ .table = TABLE_host, .optional = true },
	{ .table = TABLE_cpu_type, .optional = true },
	{ .table = TABLE_clock, .optional = true },
	{ .table = TABLE_cpufreq, .optional = true },
	{ .table = TABLE_zone, .optional = true },
	{ .table = TABLE_mount, .optional = true },
	{ .table = TABLE_mount_space, .optional = true },
	{ .table = TABLE_process_limits, .optional = true },
	{ .table = TABLE_cgroup, .optional = true },
	{ .table = TABLE_meminfo, .optional = true },
	{ .table = TABLE_loadavg, .optional = true },
	{ .table = TABLE_cpu, .rate = true, .optional = true },
	{ .table = TABLE_kernel_stat, .rate = true, .optional = true },
	{ .table = TABLE_vmstat, .rate = true, .optional = true },
	{ .table = TABLE_pressure, .rate = true, .optional = true },
	{ .table = TABLE_disk, .rate = true, .optional = true },
	{ .table = TABLE_snmp, .rate = true, .optional = true },
	{ .table = TABLE_softnet, .rate = true, .optional = true },
	{ .table = TABLE_process, .rate = true, .optional = true },
	/* Of captures, for murphy mem. */
	{ .table = TABLE_process_exe, .optional = true },
	{ .table = TABLE_process_status, .optional = true, .exact = true },
	{ .table = TABLE_user_name, .optional = true },
	{ .table = TABLE_none },
};

void facts_release(struct facts *f)
{
	free(f->fact);
	arena_release(&f->arena);
	*f = (struct facts){ 0 };
}

static const char *keep(struct facts *f, const char *text)
{
	return text ? arena_dup(&f->arena, text, strlen(text)) : NULL;
}

void facts_put(struct facts *f, const struct fact *fact)
{
	if (f->n == f->size) {
		size_t want = f->size ? f->size * 2 : 1024;
		struct fact *list = mem_resize(f->fact, want, sizeof(*list));

		if (!list) {
			f->failed = true;
			return;
		}
		f->fact = list;
		f->size = want;
	}
	struct fact copy = *fact;

	copy.of = keep(f, fact->of ? fact->of : "");
	copy.text = keep(f, fact->text);
	if (f->arena.failed)
		f->failed = true;
	else
		f->fact[f->n++] = copy;
}

void facts_text(struct facts *f, enum fact_id id, const char *of, const char *text)
{
	facts_put(f, &(struct fact){ .id = id, .of = of, .text = text });
}

void facts_number(struct facts *f, enum fact_id id, const char *of, struct reading value)
{
	if (reading_ok(value))
		facts_put(f, &(struct fact){ .id = id, .of = of, .now.value = value });
}

bool facts_from(struct facts *f, enum fact_id id, const struct table *t)
{
	f->state[id] = t ? t->state : STATE_ABSENT;
	f->why[id] = t && t->why[0] ? keep(f, t->why) : "";
	return table_usable(t);
}

static int order_of(const void *a, const void *b)
{
	const struct fact *fa = a, *fb = b;

	if (fa->id != fb->id)
		return fa->id < fb->id ? -1 : 1;
	return strcmp(fa->of, fb->of);
}

void facts_sort(struct facts *f)
{
	size_t kept = 0;

	if (f->n > 0)
		qsort(f->fact, f->n, sizeof(*f->fact), order_of);
	for (size_t i = 0; i < f->n; i++) {
		if (kept == 0 || order_of(&f->fact[kept - 1], &f->fact[i]) != 0)
			f->fact[kept++] = f->fact[i];
	}
	f->n = kept;
}

void facts_make(const struct model *m, struct facts *f)
{
	facts_of_machine(m, f);
	facts_of_settings(m, f);
	facts_of_limits(m, f);
	facts_of_rates(m, f);
}
