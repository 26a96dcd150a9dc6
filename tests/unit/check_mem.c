/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "tests/unit/build.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

extern const struct check check_mem_pressure, check_mem_cache_stuck, check_mem_slab,
	check_mem_cgroup;

/* A host of 16 GiB of which available are free or page cache. Both frames. */
static struct meminfo *add_host(struct scene *s, uint64_t available)
{
	struct meminfo *m = build_row(&s->now, TABLE_meminfo);

	build_row(&s->was, TABLE_vmstat);
	build_row(&s->now, TABLE_vmstat);
	m->total_bytes = 16 * GIB;
	m->available_bytes = available;
	m->free_bytes = available / 2;
	m->cached_bytes = m->inactive_file_bytes = available / 2;
	m->anon_bytes = m->total_bytes - available;
	return m;
}

/* ratio of the look's two seconds lost to waiting for memory. */
static void add_stall(struct scene *s, double ratio)
{
	struct pressure *was = build_row(&s->was, TABLE_pressure);
	struct pressure *now = build_row(&s->now, TABLE_pressure);

	was->resource = build_text(&s->was, TABLE_pressure, "memory");
	now->resource = build_text(&s->now, TABLE_pressure, "memory");
	now->some_total_ns = (uint64_t)(ratio * 2 * SECOND);
	now->full_total_ns = now->some_total_ns / 4;
}

static void add_process(struct scene *s, uint64_t pid, const char *comm, uint64_t anon)
{
	struct process *p = build_row(&s->now, TABLE_process);
	struct process_status *ps = build_row(&s->now, TABLE_process_status);

	p->pid = ps->pid = pid;
	p->comm = build_text(&s->now, TABLE_process, comm);
	p->state = 'S';
	ps->anon_bytes = anon;
}

static bool has_culprit(const struct finding *f, enum entity_kind kind, const char *name)
{
	for (size_t i = 0; i < f->n_culprits; i++) {
		if (f->culprits[i].kind == kind && strcmp(f->culprits[i].name, name) == 0)
			return true;
	}
	return false;
}

static void pressure_is_sad_when_memory_is_short_and_tasks_wait(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s, GIB);
	add_stall(&s, 0.10);
	add_process(&s, 11, "hog", 9 * GIB);
	add_process(&s, 12, "small", GIB);
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	assert_int_equal(f->culprits[1].pid, 11);
	scene_end(&s);
	scene_start(&s);
	add_host(&s, GIB);
	add_stall(&s, 0.60);
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_CRITICAL);
	scene_end(&s);
}

static void pressure_without_shortage_warns_nobody(void **state UNUSED)
{
	struct scene s;

	/* Full, but nobody waits. */
	scene_start(&s);
	add_host(&s, GIB / 4);
	add_stall(&s, 0.01);
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_FINE);
	scene_end(&s);
	/* Reclaim in a control group: the host has plenty. */
	scene_start(&s);
	add_host(&s, 12 * GIB);
	add_stall(&s, 0.30);
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	scene_end(&s);
}

static void pressure_without_psi_needs_reclaim_and_refaults(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s, GIB / 2);
	struct vmstat *v = s.now.at[TABLE_vmstat]->row;

	v->alloc_stalls = 400;
	v->refault_file_pages = 8000;
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->confidence, CONFIDENCE_POSSIBLE);
	v->refault_file_pages = 100;
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_FINE);
	table_fail(s.now.at[TABLE_vmstat], STATE_BROKEN, "no");
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_UNKNOWN);
	scene_end(&s);
	scene_start(&s);
	add_stall(&s, 0.5);
	assert_int_equal(scene_judge(&s, &check_mem_pressure), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void cache_stuck_names_the_tmpfs(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct meminfo *i = add_host(&s, 6 * GIB);

	add_stall(&s, 0);
	i->cached_bytes = 8 * GIB;
	i->shmem_bytes = 7 * GIB;
	i->inactive_file_bytes = GIB;
	struct mount *m = build_row(&s.now, TABLE_mount);
	struct mount_space *ms = build_row(&s.now, TABLE_mount_space);

	m->id = ms->id = 5;
	m->target = build_text(&s.now, TABLE_mount, "/run/big");
	m->fstype = build_text(&s.now, TABLE_mount, "tmpfs");
	ms->answered = 1;
	ms->size_bytes = 10 * GIB;
	ms->free_bytes = 3 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_cache_stuck), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_int_equal(f->culprits[0].kind, ENTITY_MOUNT);
	assert_string_equal(f->culprits[0].name, "/run/big");
	i->available_bytes = GIB;
	assert_int_equal(scene_judge(&s, &check_mem_cache_stuck), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	/* The twin: the same cache of files. */
	i->shmem_bytes = GIB / 8;
	i->inactive_file_bytes = 8 * GIB - i->shmem_bytes;
	assert_int_equal(scene_judge(&s, &check_mem_cache_stuck), VERDICT_FINE);
	/* What was read back from swap is no cache of files, and can go at once. */
	i->swap_cached_bytes = 12 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_cache_stuck), VERDICT_FINE);
	build_unset(i, MEMINFO_shmem_bytes);
	assert_int_equal(scene_judge(&s, &check_mem_cache_stuck), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void slab_names_the_largest_unreclaimable_cache(void **state UNUSED)
{
	static const struct {
		const char *name;
		uint64_t bytes;
		uint32_t reclaimable;
	} caches[] = { { "dentry", 4 * GIB, 1 }, { "kmalloc-cg-16k", 2 * GIB, 0 },
		{ "filp", MIB, 0 } };
	struct scene s;

	scene_start(&s);
	struct meminfo *i = add_host(&s, 8 * GIB);

	i->slab_unreclaimable_bytes = 2 * GIB + 200 * MIB;
	for (size_t k = 0; k < ARRAY_SIZE(caches); k++) {
		struct slab *row = build_row(&s.now, TABLE_slab);
		text_t name = build_text(&s.now, TABLE_slab, caches[k].name);

		row->name = name;
		row->size_bytes = caches[k].bytes;
		row->reclaimable = caches[k].reclaimable;
	}
	add_process(&s, 77, "pipes", MIB);
	struct process_fd *fd = build_row(&s.now, TABLE_process_fd);

	fd->pid = 77;
	fd->open = 200000;
	assert_int_equal(scene_judge(&s, &check_mem_slab), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_string_equal(f->culprits[0].name, "kmalloc-cg-16k");
	assert_true(has_culprit(f, ENTITY_PROCESS, "pipes"));
	i->available_bytes = GIB;
	assert_int_equal(scene_judge(&s, &check_mem_slab), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	i->slab_unreclaimable_bytes = GIB;
	assert_int_equal(scene_judge(&s, &check_mem_slab), VERDICT_FINE);
	table_fail(s.now.at[TABLE_meminfo], STATE_BROKEN, "no");
	assert_int_equal(scene_judge(&s, &check_mem_slab), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* A group at its limit of 100 MiB that hits it 2000 times in the look. */
static struct cgroup *add_group(struct scene *s, uint32_t version)
{
	struct cgroup *was = build_row(&s->was, TABLE_cgroup);
	struct cgroup *c = build_row(&s->now, TABLE_cgroup);

	was->id = c->id = 42;
	c->path = build_text(&s->now, TABLE_cgroup, "/job");
	c->version = version;
	c->memory_bytes = 99 * MIB;
	c->memory_max_bytes = 100 * MIB;
	c->memory_limit_hits = 2000;
	if (version == 1) {
		build_unset(was, CGROUP_memory_stall_ns);
		build_unset(c, CGROUP_memory_stall_ns);
	}
	return c;
}

static void grant(struct scene *s, uint64_t anon, uint64_t file, uint64_t refaults)
{
	struct cgroup_mem *cm = build_row(&s->now, TABLE_cgroup_mem);
	struct cgroup_member *member = build_row(&s->now, TABLE_cgroup_member);

	cm->id = 42;
	cm->anon_bytes = anon;
	cm->file_bytes = cm->inactive_file_bytes = file;
	cm->refault_pages = refaults;
	member->pid = 7;
	member->cgroup = 42;
}

static void cgroup_thrashing_version_1(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s, 12 * GIB);
	add_stall(&s, 0.20);
	add_group(&s, 1);
	add_process(&s, 7, "reader", 7 * MIB);
	add_process(&s, 8, "stranger", GIB);
	struct vmstat *v = s.now.at[TABLE_vmstat]->row;

	v->refault_file_pages = 500000;
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 2);
	grant(&s, 7 * MIB, 92 * MIB, 600000);
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_string_equal(f->culprits[0].name, "/job");
	assert_true(has_culprit(f, ENTITY_PROCESS, "reader"));
	assert_false(has_culprit(f, ENTITY_PROCESS, "stranger"));
	/* Above the limit of memory and swap the kernel takes none. */
	assert_non_null(strstr(f->todo[f->n_todo - 1], "memory.memsw.limit_in_bytes first"));
	build_unset(table_find(s.now.at[TABLE_cgroup], 42), CGROUP_swap_bytes);
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_SAD);
	f = scene_only(&s);
	assert_null(strstr(f->todo[f->n_todo - 1], "memsw"));
	/* Somebody else's refaults: this one never had any. */
	((struct cgroup_mem *)s.now.at[TABLE_cgroup_mem]->row)->refault_pages = 3;
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_FINE);
	scene_end(&s);
}

static void cgroup_full_of_page_cache_is_healthy(void **state UNUSED)
{
	for (uint32_t version = 1; version <= 2; version++) {
		struct scene s;

		scene_start(&s);
		add_host(&s, 12 * GIB);
		add_stall(&s, 0.20);
		struct cgroup *c = add_group(&s, version);

		c->memory_stall_ns = SECOND * 4 / 10;
		grant(&s, MIB, 98 * MIB, 0);
		assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_FINE);
		table_fail(s.now.at[TABLE_vmstat], STATE_BROKEN, "no");
		assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_UNKNOWN);
		scene_end(&s);
	}
}

static void cgroup_version_2_tells_its_own_stall(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s, 12 * GIB);
	struct cgroup *c = add_group(&s, 2);

	c->memory_stall_ns = SECOND; /* half of the look: memory.high needs no refaults */
	grant(&s, 98 * MIB, MIB, 0);
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_SAD);
	const struct finding *f = scene_only(&s);

	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	/* Full of what cannot be dropped, nobody waits: worth a word, no more. */
	c->memory_stall_ns = 0;
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	scene_end(&s);
}

/* One task that sleeps 2 s at each allocation hits memory.high less than once a second. */
static void cgroup_asleep_in_memory_high(void **state UNUSED)
{
	static const struct {
		uint64_t used, anon, stall;
		enum verdict verdict;
	} cases[] = {
		{ 101 * MIB, 100 * MIB, SECOND, VERDICT_SAD },
		{ 101 * MIB, 100 * MIB, SECOND * 78 / 100, VERDICT_FINE },
		{ 99 * MIB, 98 * MIB, SECOND, VERDICT_FINE },
		/*
		 * What could be dropped: a reader of files is held up by reclaim, not put to sleep.
		 */
		{ 101 * MIB, 60 * MIB, SECOND, VERDICT_FINE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_host(&s, 12 * GIB);
		struct cgroup *c = add_group(&s, 2);

		c->memory_bytes = cases[i].used;
		c->memory_high_bytes = 100 * MIB;
		c->memory_max_bytes = 200 * MIB;
		c->memory_limit_hits = 0;
		c->memory_high_hits = 1;
		c->memory_stall_ns = cases[i].stall;
		grant(&s, cases[i].anon, cases[i].used - cases[i].anon, 0);
		assert_int_equal(scene_judge(&s, &check_mem_cgroup), cases[i].verdict);
		if (cases[i].verdict == VERDICT_SAD) {
			const struct finding *f = scene_only(&s);

			assert_int_equal(f->severity, SEVERITY_CRITICAL);
			assert_non_null(strstr(f->todo[f->n_todo - 1], "memory.high"));
		}
		scene_end(&s);
	}
}

static void cgroup_out_of_memory_with_the_killer_off(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s, 12 * GIB);
	add_group(&s, 1)->under_oom = 1;
	grant(&s, 98 * MIB, MIB, 0);
	assert_int_equal(scene_judge(&s, &check_mem_cgroup), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_CRITICAL);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pressure_is_sad_when_memory_is_short_and_tasks_wait),
		cmocka_unit_test(pressure_without_shortage_warns_nobody),
		cmocka_unit_test(pressure_without_psi_needs_reclaim_and_refaults),
		cmocka_unit_test(cache_stuck_names_the_tmpfs),
		cmocka_unit_test(slab_names_the_largest_unreclaimable_cache),
		cmocka_unit_test(cgroup_thrashing_version_1),
		cmocka_unit_test(cgroup_full_of_page_cache_is_healthy),
		cmocka_unit_test(cgroup_version_2_tells_its_own_stall),
		cmocka_unit_test(cgroup_asleep_in_memory_high),
		cmocka_unit_test(cgroup_out_of_memory_with_the_killer_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
