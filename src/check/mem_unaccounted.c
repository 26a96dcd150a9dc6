/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"

#include <string.h>

/*
 * What remains of MemTotal when everything that the kernel tells is taken off. Measured here 0.1 to
 * 0.4 %; rings of network cards, a graphics card or DRBD take some per cent more. A tenth is worth
 * a question; on small machines fixed costs come near it, hence the floor.
 */
#define UNACCOUNTED_RATIO 0.10
#define UNACCOUNTED_FLOOR_BYTES (512ull << 20)

/* Who is known to take pages without a word, and is here. */
static const char *suspect(
	struct judgement *j, struct finding *f, const struct model *m, const struct mem_account *a)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	const struct sockstat *s = frame_row(m->now, TABLE_sockstat);
	double rest = a->unaccounted.value;

	if (row_has(i->has, MEMINFO_balloon_bytes) && (double)i->balloon_bytes > rest / 4) {
		finding_evidence(f, "meminfo.balloon_bytes", UNIT_BYTES,
			reading_of((double)i->balloon_bytes), "/proc/meminfo Balloon",
			reading_none(STATE_ABSENT), NULL);
		finding_todo(f, "ask who runs the hypervisor to give the balloon back");
		return judge_text(j, "the hypervisor's balloon took %s back",
			human_bytes((double)i->balloon_bytes).s);
	}
	if (s && (double)(s->tcp_memory_bytes + s->udp_memory_bytes) > rest / 4) {
		finding_evidence(f, "sockstat.tcp_memory_bytes", UNIT_BYTES,
			reading_of((double)s->tcp_memory_bytes), "/proc/net/sockstat",
			reading_none(STATE_ABSENT), "buffers of sockets");
		finding_todo(f,
			"see the sockets with most unread or unsent:  ss -tuamp | grep -B1 skmem");
		return "buffers of sockets hold much";
	}
	if (reading_ok(a->cma_used) && a->cma_used.value > rest / 4) {
		finding_evidence(f, "memory.cma_used_bytes", UNIT_BYTES, a->cma_used,
			"/proc/meminfo CmaTotal, CmaFree", reading_none(STATE_ABSENT), NULL);
		return "a driver may have it of the contiguous memory (CMA)";
	}
	return NULL;
}

static void report(struct judgement *j, const struct model *m, const struct mem_account *a)
{
	struct finding *f = judge_finding(j, mem_severity(m), CONFIDENCE_LIKELY);
	double ratio = a->unaccounted.value / a->total.value;

	f->share = ratio;
	f->title = judge_text(j, "%s of memory (%s) is nobody's that the kernel tells of",
		human_bytes(a->unaccounted.value).s, human_ratio(ratio).s);
	finding_evidence(f, "memory.unaccounted_ratio", UNIT_RATIO, reading_of(ratio),
		"/proc/meminfo, zoneinfo, vmstat", reading_of(UNACCOUNTED_RATIO),
		"drivers take some per cent");
	finding_evidence(f, "memory.unaccounted_bytes", UNIT_BYTES, a->unaccounted,
		"/proc/meminfo, zoneinfo, vmstat", reading_of((double)UNACCOUNTED_FLOOR_BYTES),
		"small machines: fixed costs");
	mem_evidence_available(f, m);
	mem_evidence_stall(f, m);
	finding_culprit(f, entity_host());
	finding_todo(f, "see what everybody has:  murphy mem");
	const char *who = suspect(j, f, m, a);

	f->cause = judge_text(j,
		"drivers and kernel code that take whole pages are in no number%s%s; %s",
		who ? "; " : ": graphics cards, network cards, balloons, modules", who ? who : "",
		memory_shortage_text(m->memory->shortage));
	finding_todo(f,
		"see what modules are loaded, largest first:  sort -k2 -rn /proc/modules | head");
	finding_todo(f, "see which code took the pages, after booting with page_owner=on:  "
			"page_owner_sort (of the kernel's tools/mm) /sys/kernel/debug/page_owner");
	f->refuted_if =
		"MemFree rises by that much when the driver is unloaded, or the cache shrunk: "
		"then it was that";
}

static bool much(const struct mem_account *a)
{
	return a->unaccounted.value >= (double)UNACCOUNTED_FLOOR_BYTES &&
	       a->unaccounted.value >= a->total.value * UNACCOUNTED_RATIO;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	struct reading none = reading_none(STATE_ABSENT);
	struct mem_account a;

	/* Per-CPU memory may be gigabytes on large hosts, and so may vmalloc. */
	if (!row_has(i->has, MEMINFO_percpu_bytes) || !row_has(i->has, MEMINFO_anon_bytes) ||
		!row_has(i->has, MEMINFO_cached_bytes) || !row_has(i->has, MEMINFO_slab_bytes))
		return judge_unknown_why(
			j, STATE_ABSENT, "this kernel tells too little: no Percpu before 4.20");
	mem_account_fold(m->now, none, false, none, &a);
	if (!much(&a))
		return VERDICT_FINE;
	/* What CPUs keep on lists of their own is in the dearer zoneinfo alone. */
	if (!judge_ask(j, m, TABLE_zone, 0))
		return VERDICT_ASK;
	report(j, m, &a);
	return VERDICT_SAD;
}

const struct check check_mem_unaccounted = {
	.id = "mem.unaccounted",
	.question = "Is memory taken that nobody is known to have?",
	.explains = { "mem.pressure", "mem.swap" },
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_zone, .ask = true },
		{ .table = TABLE_cma, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_sockstat, .optional = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
	},
	.models = { MODEL_pressure, MODEL_memory },
	.judge = judge,
};
