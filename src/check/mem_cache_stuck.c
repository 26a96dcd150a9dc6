/* SPDX-License-Identifier: MIT */
#include "base/few.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/mem.h"

#include <string.h>

/*
 * What people read as "cache, so it is free": told when half of it is not, and when that is more
 * than a twentieth of the machine. A database with a quarter of memory in shared buffers has more
 * cache than that besides, and stays silent.
 */
#define STUCK_OF_CACHE_RATIO 0.5
#define STUCK_OF_TOTAL_RATIO 0.05
/* Holders that are worth a name hold a tenth of what is stuck. */
#define HOLDER_RATIO 0.10

/* A tmpfs and what its files hold. */
struct tmpfs {
	const char *target;
	uint64_t used_bytes;
};

/* The fullest tmpfs; a file system mounted twice counts once, by device. */
static size_t find_tmpfs(const struct model *m, struct tmpfs *top, size_t max)
{
	const struct table *mounts = frame_table(m->now, TABLE_mount);
	const struct table *space = frame_table(m->now, TABLE_mount_space);
	uint64_t seen[64];
	size_t n = 0, n_seen = 0;

	if (!table_usable(mounts))
		return 0;
	for (table_each(const struct mount, mt, mounts)) {
		const struct mount_space *s = table_find(space, mt->id);
		bool again = false;

		if (!s || !s->answered || strcmp(table_text(mounts, mt->fstype), "tmpfs") != 0)
			continue;
		for (size_t i = 0; i < n_seen; i++)
			again |= seen[i] == mt->dev;
		if (again || s->size_bytes <= s->free_bytes)
			continue;
		if (n_seen < ARRAY_SIZE(seen))
			seen[n_seen++] = mt->dev;
		struct tmpfs one = { table_text(mounts, mt->target),
			s->size_bytes - s->free_bytes };
		size_t at = n;

		while (at > 0 && top[at - 1].used_bytes < one.used_bytes)
			at--;
		if (few_open(top, sizeof(one), &n, max, at))
			top[at] = one;
	}
	return n;
}

static void add_evidence(struct finding *f, const struct model *m)
{
	const struct memory_model *mm = m->memory;
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "memory.stuck_of_cached_ratio", UNIT_RATIO,
		ratio_of((double)mm->stuck_bytes, (double)mm->cached_bytes), "/proc/meminfo",
		reading_of(STUCK_OF_CACHE_RATIO),
		"over half of what free(1) calls buff/cache cannot be dropped");
	finding_evidence(f, "memory.stuck_of_total_ratio", UNIT_RATIO,
		ratio_of((double)mm->stuck_bytes, (double)mm->total_bytes), "/proc/meminfo",
		reading_of(STUCK_OF_TOTAL_RATIO),
		"less than a twentieth of memory is not worth a word");
	finding_evidence(f, "meminfo.shmem_bytes", UNIT_BYTES, reading_of((double)mm->shmem_bytes),
		"/proc/meminfo Shmem", none,
		"tmpfs, memfd, shared memory: only swap could take it");
	finding_evidence(f, "meminfo.mlocked_bytes", UNIT_BYTES,
		reading_of((double)mm->mlocked_bytes), "/proc/meminfo Mlocked", none, NULL);
	finding_evidence(f, "memory.dirty_bytes", UNIT_BYTES, reading_of((double)mm->dirty_bytes),
		"/proc/meminfo Dirty, Writeback", none, "must be written before it can go");
	finding_evidence(f, "memory.reclaimable_cache_bytes", UNIT_BYTES,
		reading_of((double)mm->reclaimable_bytes),
		"/proc/meminfo Active(file), Inactive(file)", none,
		"what can really be dropped at once");
	mem_evidence_available(f, m);
	mem_evidence_stall(f, m);
}

/* Adds culprits; says in words who the largest is, NULL when nobody can be named. */
static const char *add_culprits(struct judgement *j, struct finding *f, const struct model *m)
{
	const struct memory_model *mm = m->memory;
	uint64_t enough = (uint64_t)((double)mm->stuck_bytes * HOLDER_RATIO);
	struct tmpfs top[3];
	size_t n = find_tmpfs(m, top, ARRAY_SIZE(top));
	const char *who = NULL;
	uint64_t named = 0;

	for (size_t i = 0; i < n && top[i].used_bytes >= enough; i++) {
		finding_culprit(f, (struct entity){ .kind = ENTITY_MOUNT,
					   .name = judge_text(j, "%s", top[i].target),
					   .detail = judge_text(j, "tmpfs with %s of files",
						   human_bytes((double)top[i].used_bytes).s) });
		named += top[i].used_bytes;
		if (!who)
			who = judge_text(j, "files in the tmpfs %s hold %s", top[i].target,
				human_bytes((double)top[i].used_bytes).s);
	}
	for (size_t i = 0; i < mm->n_shmem && mm->by_shmem[i].shmem_bytes >= enough; i++) {
		mem_culprit_holder(j, f, m, mm->by_shmem[i].pid, mm->by_shmem[i].shmem_bytes,
			"of shared memory mapped");
		named += mm->by_shmem[i].shmem_bytes;
		if (!who)
			who = judge_text(j, "%s maps %s of shared memory",
				process_label(j, m, mm->by_shmem[i].pid),
				human_bytes((double)mm->by_shmem[i].shmem_bytes).s);
	}
	if (f->n_culprits == 0)
		finding_culprit(f, entity_host());
	if (who && named < mm->stuck_bytes / 2)
		who = judge_text(j,
			"%s; of the other %s nobody is seen (memfd, SysV, deleted files)", who,
			human_bytes((double)(mm->stuck_bytes - named)).s);
	return who;
}

static void report(struct judgement *j, const struct model *m)
{
	const struct memory_model *mm = m->memory;
	struct finding *f = judge_finding(j, mem_severity(m),
		mm->shortage == SHORTAGE_UNKNOWN ? CONFIDENCE_LIKELY : CONFIDENCE_CERTAIN);
	const char *who = add_culprits(j, f, m);

	f->share = (double)mm->stuck_bytes / (double)mm->total_bytes;
	f->title = judge_text(j, "%s of %s \"cache\" cannot shrink (%s of memory)",
		human_bytes((double)mm->stuck_bytes).s, human_bytes((double)mm->cached_bytes).s,
		human_ratio(f->share).s);
	add_evidence(f, m);
	f->cause = judge_text(j, "%s; %s",
		who ? who
		    : "deleted or unmapped shared memory (memfd, SysV, tmpfs of another namespace)",
		memory_shortage_text(mm->shortage));
	finding_todo(f, "see how full each tmpfs is:  df -h -t tmpfs");
	if (f->culprits[0].kind == ENTITY_MOUNT) {
		const char *where = shell_word(j, f->culprits[0].name);

		finding_todo(f,
			judge_text(j, "see what lies there:  du -xah %s | sort -h | tail", where));
		finding_todo(f, judge_text(j,
					"delete what nobody needs, then limit it:  mount -o "
					"remount,size=1G %s",
					where));
	}
	finding_todo(f, "see shared memory of the rest:  ipcs -m; grep -ls memfd: "
			"/proc/[0-9]*/maps");
	f->refuted_if =
		"Cached falls below half of this when caches are dropped (harmless, slow "
		"afterwards):  echo 1 > /proc/sys/vm/drop_caches; grep ^Cached /proc/meminfo";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct meminfo *i = frame_row(m->now, TABLE_meminfo);
	const struct memory_model *mm = m->memory;

	/* Before 2.6.28 there are no lists by kind; then nothing tells what could go. */
	if (!row_has(i->has, MEMINFO_active_file_bytes) || !row_has(i->has, MEMINFO_shmem_bytes))
		return judge_unknown_why(
			j, STATE_ABSENT, "/proc/meminfo lacks Active(file) or Shmem");
	if ((double)mm->stuck_bytes < (double)mm->cached_bytes * STUCK_OF_CACHE_RATIO ||
		(double)mm->stuck_bytes < (double)mm->total_bytes * STUCK_OF_TOTAL_RATIO)
		return VERDICT_FINE;
	report(j, m);
	return VERDICT_SAD;
}

const struct check check_mem_cache_stuck = {
	.id = "mem.cache-stuck",
	.question = "Is memory that looks like cache really free to take?",
	.explains = { "mem.pressure", "mem.swap" },
	.needs = {
		{ .table = TABLE_meminfo },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_mount_space, .optional = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
	},
	.models = { MODEL_pressure, MODEL_memory },
	.judge = judge,
};
