/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/io.h"
#include "check/mem.h"
#include "model/swap.h"

#include <string.h>

/*
 * Swap that is in use harms nobody: what nobody touches is best kept there. What hurts is waiting
 * for a page to come back. Less than this is a forgotten daemon that wakes up.
 */
#define IN_SAD_PER_S 10
/* Of all pages that were dropped and needed again: below it files thrash, which is mem.pressure. */
#define IN_SHARE_RATIO 0.25
/* One process that waits for its own pages a fifth of the time is slow for whoever waits for it. */
#define READER_WAIT_RATIO 0.20
/* Almost no room left to push anything out; with memory low an OOM kill comes next. */
#define SWAP_FULL_RATIO 0.95
#define STALL_CRITICAL_RATIO 0.25

struct proof {
	bool stall;   /* the host waits for memory (PSI) */
	bool readers; /* processes wait for their pages: counted, or estimated */
	bool seen;    /* tasks asleep in a fault on a swapped page, at both ends of the look */
	bool full;    /* swap is, memory is low, and pages move */
	uint64_t sleeper[IO_TASKS_MAX];
	size_t n_sleepers;
};

static bool over(struct reading r, double limit)
{
	return reading_ok(r) && r.value >= limit;
}

/* Asleep in a fault on a swapped page. mm/memory.c, mm/page_io.c, mm/shmem.c; names since 3.10. */
static bool waits_for_swap(const struct blocked_wait *w)
{
	static const char *const symbols[] = { "do_swap_page", "swapin_readahead", "swap_read",
		"swap_cluster_readahead", "swap_vma_readahead", "read_swap_cache", "shmem_swapin" };

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		if (strstr(w->stack, symbols[i]) || strstr(w->wchan, symbols[i]))
			return true;
	}
	return false;
}

/* Pages come back, and they are a fair part of what was missed. */
static bool swaps_in(const struct swap_model *sm)
{
	double files = reading_ok(sm->file_refaults_per_s) ? sm->file_refaults_per_s.value : 0;

	return over(sm->in_pages_per_s, IN_SAD_PER_S) &&
	       sm->in_pages_per_s.value >= IN_SHARE_RATIO * (sm->in_pages_per_s.value + files);
}

static struct proof find_proof(const struct model *m)
{
	const struct swap_model *sm = m->swap;
	const struct blocked_model *bm = m->blocked;
	struct proof p = { 0 };

	if (swaps_in(sm)) {
		p.stall = over(m->pressure->memory.some_now, MEMORY_STALL_RATIO);
		p.readers = sm->n_readers > 0 &&
			    over(sm->reader[0].wait_ratio, READER_WAIT_RATIO) &&
			    sm->reader[0].faults_per_s >= IN_SAD_PER_S;
		for (size_t i = 0; i < bm->n && p.n_sleepers < IO_TASKS_MAX; i++) {
			struct blocked_wait w = blocked_wait_of(m, &bm->task[i]);

			if (bm->task[i].whole_look && waits_for_swap(&w))
				p.sleeper[p.n_sleepers++] = bm->task[i].pid;
		}
		p.seen = p.n_sleepers > 0;
	}
	p.full = over(m->memory->swap_used_ratio, SWAP_FULL_RATIO) &&
		 (m->memory->shortage == SHORTAGE_LOW || m->memory->shortage == SHORTAGE_STALL) &&
		 (over(sm->in_pages_per_s, IN_SAD_PER_S) ||
			 over(sm->out_pages_per_s, IN_SAD_PER_S) ||
			 m->memory->shortage == SHORTAGE_STALL);
	return p;
}

static bool hurts(const struct proof *p)
{
	return p->stall || p->readers || p->seen;
}

static enum severity grade(const struct model *m, const struct proof *p)
{
	bool low = m->memory->shortage == SHORTAGE_LOW || m->memory->shortage == SHORTAGE_STALL;

	return low && hurts(p) && over(m->pressure->memory.some_now, STALL_CRITICAL_RATIO)
		       ? SEVERITY_CRITICAL
		       : SEVERITY_WARNING;
}

static void add_evidence(
	struct judgement *j, struct finding *f, const struct model *m, const struct proof *p)
{
	const struct swap_model *sm = m->swap;
	const struct disk_load *d = sm->main ? sm->main->disk : NULL;
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "swap.in_pages_per_s", UNIT_PER_S, sm->in_pages_per_s,
		"/proc/vmstat pswpin", reading_of(IN_SAD_PER_S),
		"fewer are a daemon that wakes up now and then");
	finding_evidence(f, "swap.out_pages_per_s", UNIT_PER_S, sm->out_pages_per_s,
		"/proc/vmstat pswpout", none,
		"still pushed out: memory is short now; 0: it was short before");
	mem_evidence_stall(f, m);
	if (sm->n_readers > 0)
		finding_evidence(f, "swap.reader_wait_ratio", UNIT_RATIO, sm->reader[0].wait_ratio,
			"/proc/PID/stat", reading_of(READER_WAIT_RATIO),
			"of the look, the first victim's main thread as the kernel counted it, "
			"else its major faults times a read of the device");
	if (p->seen)
		finding_evidence(f, "swap.sleepers", UNIT_COUNT, reading_of((double)p->n_sleepers),
			"/proc/PID/stack", reading_of(1),
			"tasks that sleep in a fault on a swapped page");
	if (d) {
		finding_evidence_text(f, "swap.device",
			judge_text(j, "%s on %s", sm->main->path, d->name), "/proc/swaps");
		finding_evidence(f, "disk.read_wait_ns", UNIT_NS, d->read_wait_ns,
			"/proc/diskstats", none, "what one read of the device takes");
	}
	finding_evidence(f, "memory.swap_used_ratio", UNIT_RATIO, m->memory->swap_used_ratio,
		"/proc/meminfo", reading_of(SWAP_FULL_RATIO),
		"in use alone is no harm; full and memory low, the next growth is an OOM kill");
	mem_evidence_available(f, m);
	finding_evidence(f, "swap.file_refaults_per_s", UNIT_PER_S, sm->file_refaults_per_s,
		"/proc/vmstat workingset_refault_file", none,
		"pages of files that had to come back");
}

static void add_people(
	struct judgement *j, struct finding *f, const struct model *m, const struct proof *p)
{
	const struct swap_model *sm = m->swap;

	for (size_t i = 0; i < sm->n_owners; i++)
		mem_culprit_holder(j, f, m, sm->owner[i].pid, sm->owner[i].swap_bytes, "in swap");
	if (sm->n_owners == 0)
		finding_culprit(f, entity_host());
	if (sm->main && sm->main->disk)
		finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
					   .name = judge_text(j, "%s", sm->main->disk->name) });
	for (size_t i = 0; i < sm->n_readers && sm->reader[i].faults_per_s >= IN_SAD_PER_S; i++) {
		struct entity e = entity_process(j, m, sm->reader[i].pid);

		e.detail = judge_text(j, "%s faults a second read from disk",
			human_count(sm->reader[i].faults_per_s).s);
		finding_victim(f, e);
	}
	/* So mem.pressure, which says the same of all memory, is told below this. */
	if (p->stall) {
		struct entity host = entity_host();

		host.detail = judge_text(j, "somebody waits for memory %s of the time",
			human_ratio(m->pressure->memory.some_now.value).s);
		finding_victim(f, host);
	}
	for (size_t i = 0; i < p->n_sleepers; i++) {
		bool known = false;

		for (size_t k = 0; k < f->n_victims; k++)
			known |= f->victims[k].pid == p->sleeper[i];
		if (!known)
			finding_victim(f, entity_process(j, m, p->sleeper[i]));
	}
}

static const char *title(struct judgement *j, const struct model *m, const struct proof *p)
{
	const struct swap_model *sm = m->swap;
	const char *where =
		sm->main && sm->main->disk ? judge_text(j, " from %s", sm->main->disk->name) : "";

	if (!hurts(p))
		return judge_text(j, "Swap is %s full and memory is low: %s available",
			human_ratio(m->memory->swap_used_ratio.value).s,
			human_bytes(m->memory->available_bytes.value).s);
	if (sm->n_readers > 0)
		return judge_text(j, "%s waits for its memory to come back%s: %s pages a second",
			process_label(j, m, sm->reader[0].pid), where,
			human_count(sm->in_pages_per_s.value).s);
	return judge_text(j, "Tasks wait for memory to come back%s: %s pages a second", where,
		human_count(sm->in_pages_per_s.value).s);
}

static const char *cause(struct judgement *j, const struct model *m)
{
	const struct swap_model *sm = m->swap;
	const struct memory_model *mm = m->memory;
	bool low = mm->shortage == SHORTAGE_LOW || mm->shortage == SHORTAGE_STALL;
	const char *who = "";

	if (sm->n_owners > 0)
		who = judge_text(j, "; most of what is in swap is of %s: %s",
			process_label(j, m, sm->owner[0].pid),
			human_bytes((double)sm->owner[0].swap_bytes).s);
	if (low)
		return judge_text(j,
			"more memory is in use at one time than there is: %s of %s available, so "
			"what is pushed out is needed again%s",
			human_bytes(mm->available_bytes.value).s,
			human_bytes((double)mm->total_bytes).s, who);
	return judge_text(j,
		"memory was short before, or is in a control group: %s of the host's are available "
		"now, and what was pushed out comes back page by page as it is touched%s",
		human_bytes(mm->available_bytes.value).s, who);
}

static void advise(struct judgement *j, struct finding *f, const struct model *m)
{
	const struct swap_model *sm = m->swap;
	bool low = m->memory->shortage != SHORTAGE_NONE;

	finding_todo(f, "see it move (si, so):  vmstat 1 5");
	if (!low && sm->n_owners > 0)
		finding_todo(f, judge_text(j,
					"the machine has memory: see the limit of the group that "
					"holds it (memory.max; version 1 memory.limit_in_bytes):  "
					"cat /proc/%llu/cgroup",
					(unsigned long long)sm->owner[0].pid));
	finding_todo(f, "see who is swapped out:  grep VmSwap /proc/[0-9]*/status | sort -k2 -n | "
			"tail");
	/* Not while pages still go out: a group at its limit would be killed, not helped. */
	if (!low && sm->main && reading_ok(sm->out_pages_per_s) && sm->out_pages_per_s.value < 1 &&
		m->memory->available_bytes.value > 1.5 * (double)m->memory->swap_used_bytes)
		finding_todo(
			f, judge_text(j,
				   "bring all of it back at once, in a quiet moment and only "
				   "if no memory limit holds its owner:  swapoff %s && swapon "
				   "%s",
				   shell_word(j, sm->main->path), shell_word(j, sm->main->path)));
	if (sm->n_owners > 0)
		finding_todo(f, judge_text(j,
					"give the largest less to do, or restart it when it "
					"has grown:  %s",
					restart_command(j, m, sm->owner[0].pid)));
	finding_todo(f, low ? "add memory; swap on faster storage or zram only shortens the wait"
			    : "find what squeezed it: a backup, a burst, a control group's limit "
			      "(memory.max, memory.high, MemorySwapMax)");
	f->refuted_if = "si of vmstat falls to 0 by itself within a minute, or who waits waits for "
			"pages of files (workingset_refault_file grows, pswpin does not)";
}

static void report(struct judgement *j, const struct model *m, const struct proof *p)
{
	const struct reading some = m->pressure->memory.some_now;
	int signals = p->stall + p->readers + p->seen;
	enum confidence sure = p->seen || signals > 1 ? CONFIDENCE_CERTAIN
			       : p->stall || p->full  ? CONFIDENCE_LIKELY
						      : CONFIDENCE_POSSIBLE;
	struct finding *f = judge_finding(j, grade(m, p), sure);

	f->share = reading_ok(some) ? some.value : 0;
	f->title = title(j, m, p);
	add_evidence(j, f, m, p);
	add_people(j, f, m, p);
	f->cause = cause(j, m);
	advise(j, f, m);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);

	if (!i || !row_has(i->has, MEMINFO_swap_total_bytes))
		return judge_unknown_why(j, STATE_ABSENT, "/proc/meminfo has no SwapTotal");
	if (i->swap_total_bytes == 0)
		return VERDICT_FINE;
	if (!reading_ok(m->swap->in_pages_per_s))
		return judge_unknown_why(j, m->swap->in_pages_per_s.state,
			"pages that come back are counted: needs two readings of /proc/vmstat");
	if (swaps_in(m->swap) && !io_ask_waits(j, m))
		return VERDICT_ASK;
	struct proof p = find_proof(m);

	if (!hurts(&p) && !p.full)
		return VERDICT_FINE;
	report(j, m, &p);
	return VERDICT_SAD;
}

const struct check check_mem_swap = {
	.id = "mem.swap",
	.question = "Does somebody wait for memory that was swapped out?",
	.explains = { "mem.pressure", "io.saturated", "io.stuck" },
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_vmstat, .rate = true },
		{ .table = TABLE_swap, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_task_wait, .ask = true },
	},
	.models = { MODEL_pressure, MODEL_memory, MODEL_process, MODEL_disks, MODEL_blocked,
		MODEL_swap },
	.judge = judge,
};
