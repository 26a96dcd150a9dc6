/* SPDX-License-Identifier: MIT */
#include "base/few.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"

/*
 * Healthy hosts of all sizes keep 0.1 to 4 % of memory in unreclaimable slab. A tenth is unusual;
 * on small machines the kernel's fixed cost alone comes near it, hence the absolute floor.
 */
#define SLAB_OF_TOTAL_RATIO 0.10
#define SLAB_FLOOR_BYTES (512ull << 20)
/* A cache is named when it holds a tenth of what is told. */
#define CACHE_RATIO 0.10
enum { CACHES = 3 };

struct cache {
	const struct slab *row;
	uint64_t bytes;
};

/* The largest unreclaimable caches. When no cache says which kind it is, of all of them. */
static size_t find_caches(const struct table *t, struct cache *top)
{
	size_t n = 0;

	if (!table_usable(t))
		return 0;
	for (table_each(const struct slab, s, t)) {
		if (row_has(s->has, SLAB_reclaimable) && s->reclaimable)
			continue;
		size_t at = n;

		while (at > 0 && top[at - 1].bytes < s->size_bytes)
			at--;
		if (few_open(top, sizeof(*top), &n, CACHES, at))
			top[at] = (struct cache){ s, s->size_bytes };
	}
	return n;
}

/* The process with the most open descriptors: pipes, sockets, epoll and eventfds are slab. */
static const struct process_fd *most_fds(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_process_fd);
	const struct process_fd *most = NULL;

	if (!table_usable(t))
		return NULL;
	for (table_each(const struct process_fd, fd, t)) {
		if (!most || fd->open > most->open)
			most = fd;
	}
	return most;
}

/* So many that they may be a quarter of it: the ring of a 1 MiB pipe takes 16 KiB of slab. */
static bool fds_may_be_it(const struct process_fd *fd, uint64_t slab_bytes)
{
	return fd && fd->open >= 1000 && fd->open * 16384 >= slab_bytes / 4;
}

static const char *names_of(struct judgement *j, const struct table *t, const struct slab *s)
{
	const char *aliases = table_text(t, s->aliases);

	if (!aliases[0])
		return judge_text(j, "%s", table_text(t, s->name));
	return judge_text(j, "%s (merged with %.80s)", table_text(t, s->name), aliases);
}

static const char *add_caches(struct judgement *j, struct finding *f, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_slab);
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	struct cache top[CACHES];
	size_t n = find_caches(t, top);
	const char *first = NULL;

	for (size_t k = 0; k < n; k++) {
		if ((double)top[k].bytes < (double)i->slab_unreclaimable_bytes * CACHE_RATIO)
			break;
		const char *name = judge_text(j, "%s", table_text(t, top[k].row->name));

		finding_evidence(f, judge_text(j, "slab.size_bytes{%s}", name), UNIT_BYTES,
			reading_of((double)top[k].bytes), "/proc/slabinfo",
			reading_none(STATE_ABSENT), NULL);
		finding_culprit(
			f, (struct entity){ .kind = ENTITY_SLAB,
				   .name = name,
				   .detail = judge_text(j, "%s in %s objects",
					   human_bytes((double)top[k].bytes).s,
					   human_count((double)top[k].row->active_objects).s) });
		if (!first)
			first = names_of(j, t, top[k].row);
	}
	return first;
}

static void report(struct judgement *j, const struct model *m, const struct meminfo *i)
{
	const struct table *t = frame_table(m->now, TABLE_slab);
	double share = (double)i->slab_unreclaimable_bytes / (double)i->total_bytes;
	struct finding *f = judge_finding(j, mem_severity(m), CONFIDENCE_CERTAIN);
	const struct process_fd *fd = most_fds(m);

	f->share = share;
	finding_evidence(f, "memory.slab_unreclaimable_ratio", UNIT_RATIO, reading_of(share),
		"/proc/meminfo SUnreclaim", reading_of(SLAB_OF_TOTAL_RATIO),
		"healthy hosts keep 0.1 to 4 % there");
	finding_evidence(f, "meminfo.slab_unreclaimable_bytes", UNIT_BYTES,
		reading_of((double)i->slab_unreclaimable_bytes), "/proc/meminfo",
		reading_of((double)SLAB_FLOOR_BYTES), "small machines: the kernel's fixed cost");
	const char *cache = add_caches(j, f, m);

	mem_evidence_available(f, m);
	mem_evidence_stall(f, m);
	f->title = judge_text(j, "Unreclaimable slab holds %s of memory (%s)", human_ratio(share).s,
		human_bytes((double)i->slab_unreclaimable_bytes).s);
	if (fds_may_be_it(fd, i->slab_unreclaimable_bytes)) {
		struct entity e = entity_process(j, m, fd->pid);

		e.detail = judge_text(j, "%s open descriptors", human_count((double)fd->open).s);
		finding_culprit(f, e);
	}
	if (f->n_culprits == 0)
		finding_culprit(f, entity_host());
	f->cause = judge_text(j, "%s%s; %s%s",
		cache ? "most of it is cache " : "which cache cannot be told: ",
		cache             ? cache
		: table_usable(t) ? "none stands out"
				  : "/proc/slabinfo needs root",
		fds_may_be_it(fd, i->slab_unreclaimable_bytes)
			? judge_text(j, "%s holds %s descriptors, whose buffers may be it; ",
				  process_label(j, m, fd->pid), human_count((double)fd->open).s)
			: "",
		memory_shortage_text(m->memory->shortage));
	finding_todo(f, "see the caches:  slabtop -o -s c | head -15");
	finding_todo(f,
		"see who holds many descriptors:  "
		"for p in /proc/[0-9]*; do echo $(ls $p/fd | wc -l) $p; done | sort -n | tail");
	finding_todo(f, "restart the process whose objects they are; the slab goes with it");
	f->refuted_if =
		"the slab stays after that process is gone: then it is the kernel's own leak";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);

	if (!row_has(i->has, MEMINFO_slab_unreclaimable_bytes))
		return judge_unknown_why(j, STATE_ABSENT, "/proc/meminfo lacks SUnreclaim");
	if (i->slab_unreclaimable_bytes < SLAB_FLOOR_BYTES ||
		(double)i->slab_unreclaimable_bytes < (double)i->total_bytes * SLAB_OF_TOTAL_RATIO)
		return VERDICT_FINE;
	/*
	 * The kernel counts the objects of every cache to tell them: 4 ms of CPU on a small host.
	 */
	if (!judge_ask(j, m, TABLE_slab, 0))
		return VERDICT_ASK;
	report(j, m, i);
	return VERDICT_SAD;
}

const struct check check_mem_slab = {
	.id = "mem.slab",
	.question = "Does the kernel itself hold an unusual share of memory?",
	.explains = { "mem.pressure", "mem.swap" },
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_slab, .ask = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_fd, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
	},
	.models = { MODEL_pressure, MODEL_memory },
	.judge = judge,
};
