/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"
#include "sample/member.h"

/*
 * One process that has mapped all of memory in pages of 4 KiB needs a 512th of it (0.2 %) for its
 * tables; healthy hosts have 0.1 to 1 %. A twentieth means that the same memory is mapped 25 times
 * over, or that tables of memory given back were left. Below 256 MiB nobody misses it.
 */
#define TABLES_OF_TOTAL_RATIO 0.05
#define TABLES_FLOOR_BYTES (256ull << 20)
/* Who is named has a fifth of what is told. */
#define HOLDER_RATIO 0.2

/*
 * What the tables of a group take. Best is what was asked; where that was denied, the processes
 * with most memory, whose status was read anyway, stand for the others of their name.
 */
static double tables_of(const struct model *m, const struct mem_groups *g, size_t which)
{
	const struct group_share *s = mem_share_of(m, which);
	const struct table *t = frame_table(m->now, TABLE_process_status);
	const struct mem_group *one = &g->group[which];
	double sum = 0;
	size_t n = 0;

	if (s && row_has(s->has, GROUP_SHARE_page_tables_bytes))
		return (double)s->page_tables_bytes;
	for (size_t i = 0; !one->kernel && i < one->processes; i++) {
		const struct process_status *p = table_find(t, member_pid(g->key[one->first + i]));

		if (!p || !row_has(p->has, PROCESS_STATUS_page_tables_bytes))
			continue;
		sum += (double)p->page_tables_bytes;
		n++;
	}
	return n ? sum / (double)n * (double)one->processes : 0;
}

static size_t find_holder(const struct model *m, const struct mem_groups *g, double *ret_bytes)
{
	size_t most = 0;

	*ret_bytes = 0;
	for (size_t i = 0; i < g->n; i++) {
		double bytes = tables_of(m, g, i);

		if (bytes > *ret_bytes) {
			*ret_bytes = bytes;
			most = i;
		}
	}
	return most;
}

static void add_holder(struct judgement *j, struct finding *f, const struct model *m,
	const struct mem_groups *g, size_t which, double bytes)
{
	const struct mem_group *one = &g->group[which];
	const struct shared_object *o = mem_mapped_most(m, which);
	struct entity e = entity_process(j, m, member_pid(g->key[one->first]));
	double each = bytes / (double)one->processes;

	/* What needs so many tables, 8 bytes for 4 KiB: a library does not. */
	if (o && (double)o->mapped_bytes / 512 < bytes * HOLDER_RATIO)
		o = NULL;

	e.detail = judge_text(j, "%zu processes of that name have %s of page tables",
		one->processes, human_bytes(bytes).s);
	finding_culprit(f, e);
	finding_evidence(f, "group.page_tables_bytes", UNIT_BYTES, reading_of(bytes),
		"/proc/PID/status VmPTE", reading_none(STATE_ABSENT),
		judge_text(j, "of %s, %s each", one->name, human_bytes(each).s));
	if (o)
		finding_evidence_text(f, "shared_object.path",
			judge_text(j, "%s, mapped by %llu processes", mem_object_name(j, m, o),
				(unsigned long long)o->processes),
			"/proc/PID/maps");
	f->cause = judge_text(j,
		"%zu x %s: each has tables of its own%s%s, 8 bytes for every page of 4 KiB it "
		"touched; they are in no process's RSS or PSS; %s",
		one->processes, one->name, o ? " for " : "", o ? mem_object_name(j, m, o) : "",
		memory_shortage_text(m->memory->shortage));
}

static void report(struct judgement *j, const struct model *m, const struct mem_groups *g)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	struct finding *f = judge_finding(j, mem_severity(m), CONFIDENCE_CERTAIN);
	double bytes;
	size_t holder = find_holder(m, g, &bytes);

	f->share = (double)i->page_tables_bytes / (double)i->total_bytes;
	finding_evidence(f, "memory.page_tables_ratio", UNIT_RATIO, reading_of(f->share),
		"/proc/meminfo PageTables", reading_of(TABLES_OF_TOTAL_RATIO),
		"a process that maps all of memory needs 0.2 %");
	finding_evidence(f, "meminfo.page_tables_bytes", UNIT_BYTES,
		reading_of((double)i->page_tables_bytes), "/proc/meminfo",
		reading_of((double)TABLES_FLOOR_BYTES), "less is not missed");
	if (bytes >= HOLDER_RATIO * (double)i->page_tables_bytes) {
		add_holder(j, f, m, g, holder, bytes);
		f->title = judge_text(j, "Page tables take %s of memory (%s), most of them of %s",
			human_ratio(f->share).s, human_bytes((double)i->page_tables_bytes).s,
			g->group[holder].name);
	} else {
		finding_culprit(f, entity_host());
		f->title = judge_text(j, "Page tables take %s of memory (%s)",
			human_ratio(f->share).s, human_bytes((double)i->page_tables_bytes).s);
		f->cause = judge_text(
			j, "no program stands out; %s", memory_shortage_text(m->memory->shortage));
	}
	mem_evidence_available(f, m);
	mem_evidence_stall(f, m);
	finding_todo(f, "see whose they are:  murphy mem --sort page-tables");
	finding_todo(f, "map it in huge pages, which need a 512th (PostgreSQL: huge_pages = on and "
			"vm.nr_hugepages; tmpfs and memfd: mount -o huge=, MFD_HUGETLB):  "
			"grep -i huge /proc/meminfo");
	finding_todo(f, "have fewer processes map it: a pool of connections, threads");
	f->refuted_if = "PageTables in /proc/meminfo stays when these processes have ended";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	struct mem_groups g;

	if (!row_has(i->has, MEMINFO_page_tables_bytes))
		return judge_unknown_why(j, STATE_ABSENT, "/proc/meminfo lacks PageTables");
	if (i->page_tables_bytes < TABLES_FLOOR_BYTES ||
		(double)i->page_tables_bytes < (double)i->total_bytes * TABLES_OF_TOTAL_RATIO)
		return VERDICT_FINE;
	if (mem_groups_make(m->now, MEM_BY_NAME, &j->arena, &g) < 0)
		return judge_unknown_why(j, STATE_BROKEN, "memory is out");
	/* Small processes have large tables too, when they gave memory back: all are asked for. */
	bool looked = true;
	double bytes;
	size_t holder;

	for (size_t k = 0; k < g.n_keys; k++)
		looked &= judge_ask(j, m, TABLE_group_share, g.key[k]);
	if (!looked)
		return VERDICT_ASK;
	holder = find_holder(m, &g, &bytes);
	if (bytes > 0 && !mem_ask_groups(j, m, &g, &holder, 1))
		return VERDICT_ASK;
	report(j, m, &g);
	return VERDICT_SAD;
}

const struct check check_mem_page_tables = {
	.id = "mem.page-tables",
	.question = "Do page tables take an unusual share of memory?",
	.explains = { "mem.pressure", "mem.swap" },
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_process },
		{ .table = TABLE_process_status, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_group_share, .ask = true },
		{ .table = TABLE_shared_object, .ask = true },
		{ .table = TABLE_object_share, .ask = true },
	},
	.models = { MODEL_pressure, MODEL_memory },
	.judge = judge,
};
