/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"
#include "sample/member.h"

/*
 * Told only where somebody who adds up RSS must come to a wrong conclusion about the machine: half
 * of its memory seems to be one program's, and at least half of that is counted again and again.
 */
#define SUM_OF_TOTAL_RATIO 0.5
#define RSS_OF_PSS_RATIO 2.0
enum { GROUPS_MAX = 4 };

static double sum_of(const struct table *t, const struct mem_groups *g, const struct mem_group *one)
{
	double sum = 0;

	for (size_t i = 0; i < one->processes; i++) {
		const struct process *p = table_find(t, member_pid(g->key[one->first + i]));

		sum += p ? (double)p->resident_bytes : 0;
	}
	return sum;
}

/* Groups of several processes whose RSS adds up to that much; their number. */
static size_t find_suspects(
	const struct model *m, const struct mem_groups *g, double least, size_t *ret)
{
	const struct table *t = frame_table(m->now, TABLE_process);
	size_t n = 0;

	for (size_t i = 0; i < g->n && n < GROUPS_MAX; i++) {
		const struct mem_group *one = &g->group[i];

		if (!one->kernel && one->processes > 1 && sum_of(t, g, one) >= least)
			ret[n++] = i;
	}
	return n;
}

static void add_evidence(struct judgement *j, struct finding *f, const struct model *m, double sum,
	const struct group_share *s, const struct shared_object *o)
{
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "group.rss_of_total_ratio", UNIT_RATIO, reading_of(f->share),
		"/proc/PID/stat rss, summed; MemTotal", reading_of(SUM_OF_TOTAL_RATIO),
		"less does not mislead anybody about this machine");
	finding_evidence(f, "group.rss_of_pss", UNIT_COUNT, reading_of(sum / (double)s->pss_bytes),
		"group_share", reading_of(RSS_OF_PSS_RATIO),
		"each shared page counts once for each process: half and more is counted again");
	finding_evidence(f, "group_share.pss_bytes", UNIT_BYTES, reading_of((double)s->pss_bytes),
		"group_share", none, "what they really have");
	if (row_has(s->has, GROUP_SHARE_pss_error_bytes) && s->pss_error_bytes > 0)
		finding_evidence(f, "group_share.pss_error_bytes", UNIT_BYTES,
			reading_of((double)s->pss_error_bytes), "group_share", none,
			"half of the 95 % interval");
	if (row_has(s->has, GROUP_SHARE_exclusive_bytes))
		finding_evidence(f, "group_share.exclusive_bytes", UNIT_BYTES,
			reading_of((double)s->exclusive_bytes), "group_share", none,
			"what nobody else maps");
	if (o)
		finding_evidence_text(f, "shared_object.path",
			judge_text(j, "%s, mapped by %llu processes", mem_object_name(j, m, o),
				(unsigned long long)o->processes),
			"/proc/PID/maps");
}

static void report(struct judgement *j, const struct model *m, const struct mem_groups *g,
	const struct mem_group *one, const struct group_share *s)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	const struct shared_object *o = mem_shared_most(m, s->group);
	double sum = sum_of(frame_table(m->now, TABLE_process), g, one);
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);
	struct entity e = entity_process(j, m, member_pid(g->key[one->first]));

	f->share = sum / (double)i->total_bytes;
	f->title = judge_text(j, "The RSS of %zu processes %s adds up to %s; they have %s",
		one->processes, one->name, human_bytes(sum).s, human_bytes((double)s->pss_bytes).s);
	add_evidence(j, f, m, sum, s, o);
	e.detail = judge_text(j, "%zu processes of that name", one->processes);
	finding_culprit(f, e);
	f->cause = judge_text(j,
		"they map %s together: RSS counts each of its pages in every process, PSS "
		"(what a page is, divided by how many map it) counts it once",
		o ? mem_object_name(j, m, o) : "the same memory");
	finding_todo(f, "see who has what, each page once:  murphy mem");
	finding_todo(f, "see what is shared:  murphy mem --shared --top 10");
	finding_todo(f, "let alarms and capacity plans count PSS, or what the control group has, "
			"not RSS");
	f->refuted_if =
		judge_text(j, "the sum of Pss over /proc/PID/smaps_rollup of all of them is "
			      "near the sum of their RSS");
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	const struct table *t = frame_table(m->now, TABLE_process);
	double least = (double)i->total_bytes * SUM_OF_TOTAL_RATIO, all = 0;
	enum verdict verdict = VERDICT_FINE;
	size_t suspect[GROUPS_MAX];
	struct mem_groups g;
	bool unknown = false;

	for (table_each(const struct process, p, t))
		all += (double)p->resident_bytes;
	if (all < least)
		return VERDICT_FINE;
	if (mem_groups_make(m->now, MEM_BY_NAME, &j->arena, &g) < 0)
		return judge_unknown_why(j, STATE_BROKEN, "memory is out");
	size_t n = find_suspects(m, &g, least, suspect);

	if (!mem_ask_groups(j, m, &g, suspect, n))
		return VERDICT_ASK;
	for (size_t k = 0; k < n; k++) {
		const struct mem_group *one = &g.group[suspect[k]];
		const struct group_share *s = mem_share_of(m, suspect[k]);

		if (!s || !row_has(s->has, GROUP_SHARE_pss_bytes) || s->pss_bytes == 0) {
			unknown = true;
			continue;
		}
		/* What is not certain within its error is not told. */
		if ((double)(s->pss_bytes + s->pss_error_bytes) * RSS_OF_PSS_RATIO >
			sum_of(t, &g, one))
			continue;
		report(j, m, &g, one, s);
		verdict = VERDICT_SAD;
	}
	return unknown && verdict == VERDICT_FINE ? judge_unknown(j, m, TABLE_group_share)
						  : verdict;
}

const struct check check_mem_shared = {
	.id = "mem.shared",
	.question = "Does the sum of RSS mislead about who has the memory?",
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_process },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_group_share, .ask = true },
		{ .table = TABLE_shared_object, .ask = true },
		{ .table = TABLE_object_share, .ask = true },
	},
	.judge = judge,
};
