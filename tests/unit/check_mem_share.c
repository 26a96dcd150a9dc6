/* SPDX-License-Identifier: MIT */
/* mem.shared, mem.page-tables, mem.unaccounted. */
#include "check/check.h"
#include "model/mem_groups.h"
#include "sample/member.h"
#include "tests/unit/build.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

extern const struct check check_mem_shared, check_mem_page_tables, check_mem_unaccounted;

static struct meminfo *add_host(struct scene *s)
{
	struct meminfo *m = build_row(&s->now, TABLE_meminfo);

	build_row(&s->was, TABLE_vmstat);
	build_row(&s->now, TABLE_vmstat);
	m->total_bytes = 16 * GIB;
	m->available_bytes = m->free_bytes = 10 * GIB;
	m->anon_bytes = 2 * GIB;
	m->cached_bytes = m->inactive_file_bytes = 4 * GIB;
	m->mapped_bytes = GIB;
	return m;
}

/* 20 workers of 1 GiB each, and a stranger. */
static void add_workers(struct scene *s, uint64_t each)
{
	for (uint64_t pid = 100; pid <= 120; pid++) {
		text_t name =
			build_text(&s->now, TABLE_process, pid == 120 ? "stranger" : "worker");
		struct process *p = build_row(&s->now, TABLE_process);

		p->pid = pid;
		p->comm = name;
		p->state = 'S';
		p->resident_bytes = pid == 120 ? 9 * MIB : each;
	}
}

/* What was asked for: groups by name are numbered by it, "stranger" 0 and "worker" 1. */
static struct group_share *grant(struct scene *s, uint64_t pss)
{
	struct group_share *g = build_row(&s->now, TABLE_group_share);
	text_t path = build_text(&s->now, TABLE_shared_object, "/memfd:pool");
	struct shared_object *o = build_row(&s->now, TABLE_shared_object);

	g->group = 1;
	g->processes = 20;
	g->pss_bytes = pss;
	o->path = path;
	o->processes = 20;
	o->mapped_bytes = 20 * GIB;
	o = build_row(&s->now, TABLE_shared_object);
	o->inode = 2; /* of one of them alone */
	o->processes = 1;
	o->mapped_bytes = 99 * GIB;
	o = build_row(&s->now, TABLE_shared_object);
	o->inode = 3; /* of others */
	o->processes = 20;
	o->mapped_bytes = 4000 * GIB;
	for (uint64_t inode = 0; inode <= 3; inode++) {
		struct object_share *x = build_row(&s->now, TABLE_object_share);

		x->inode = inode == 1 ? 4711 : inode;
		x->group = inode == 3 ? 0 : 1;
		x->processes = inode == 2 ? 1 : 20;
		x->pss_bytes = (inode + 1) * MIB;
	}
	return g;
}

static void shared_names_the_object(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_workers(&s, GIB);
	assert_int_equal(scene_judge(&s, &check_mem_shared), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 60);
	for (size_t i = 0; i < 60; i++)
		assert_int_equal(member_group(s.judgement.ask[i].key), 1);
	struct group_share *g = grant(&s, 2 * GIB);
	const struct finding *f = scene_sad(&s, &check_mem_shared, SEVERITY_INFO);

	assert_non_null(strstr(f->title, "20 GiB"));
	assert_non_null(strstr(f->cause, "/memfd:pool"));
	assert_string_equal(f->culprits[0].name, "worker");
	/* Half of it within the error: not told. */
	g->pss_error_bytes = 8 * GIB + MIB;
	assert_int_equal(scene_judge(&s, &check_mem_shared), VERDICT_FINE);
	/* They have it really. */
	g->pss_error_bytes = 0;
	g->pss_bytes = 14 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_shared), VERDICT_FINE);
	build_unset(g, GROUP_SHARE_pss_bytes);
	assert_int_equal(scene_judge(&s, &check_mem_shared), VERDICT_UNKNOWN);
	table_fail(s.now.at[TABLE_group_share], STATE_DENIED, "needs root");
	assert_int_equal(scene_judge(&s, &check_mem_shared), VERDICT_UNKNOWN);
	assert_int_equal(s.judgement.unknown_state, STATE_DENIED);
	scene_end(&s);
}

/* Neither many small ones nor a single large one are worth a look. */
static void shared_asks_for_nothing_on_healthy_hosts(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_host(&s);
	add_workers(&s, 300 * MIB);
	struct process *p = build_row(&s.now, TABLE_process);

	p->pid = 7;
	p->state = 'S';
	p->resident_bytes = 15 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_shared), VERDICT_FINE);
	assert_int_equal(s.judgement.n_asks, 0);
	scene_end(&s);
}

static void page_tables_of_many_who_map_the_same(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct meminfo *i = add_host(&s);

	add_workers(&s, GIB);
	i->page_tables_bytes = 2 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_page_tables), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 21);
	struct group_share *g = grant(&s, GIB);

	g->page_tables_bytes = 18 * GIB / 10;
	const struct finding *f = scene_sad(&s, &check_mem_page_tables, SEVERITY_INFO);

	assert_string_equal(f->culprits[0].name, "worker");
	/* 20 GiB that are mapped need 40 MiB of tables. */
	assert_null(strstr(f->cause, "/memfd:pool"));
	((struct shared_object *)s.now.at[TABLE_shared_object]->row)->mapped_bytes = 900 * GIB;
	f = scene_sad(&s, &check_mem_page_tables, SEVERITY_INFO);
	assert_non_null(strstr(f->cause, "/memfd:pool"));
	assert_non_null(strstr(f->title, "worker"));
	/* It hurts somebody. */
	i->available_bytes = GIB;
	scene_sad(&s, &check_mem_page_tables, SEVERITY_WARNING);
	/* Nobody stands out. */
	g->page_tables_bytes = 100 * MIB;
	f = scene_sad(&s, &check_mem_page_tables, SEVERITY_WARNING);
	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	/* It could not be asked: who has most memory stands for all of the name. */
	table_fail(s.now.at[TABLE_group_share], STATE_DENIED, "needs root");
	struct process_status *p = build_row(&s.now, TABLE_process_status);

	p->pid = 103;
	p->page_tables_bytes = 90 * MIB;
	f = scene_sad(&s, &check_mem_page_tables, SEVERITY_WARNING);
	assert_string_equal(f->culprits[0].name, "worker");
	scene_end(&s);
}

static void few_page_tables_are_fine(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct meminfo *i = add_host(&s);

	add_workers(&s, GIB);
	i->page_tables_bytes = 700 * MIB; /* 4.3 % */
	assert_int_equal(scene_judge(&s, &check_mem_page_tables), VERDICT_FINE);
	i->total_bytes = GIB;
	i->page_tables_bytes = 200 * MIB; /* of a small machine */
	assert_int_equal(scene_judge(&s, &check_mem_page_tables), VERDICT_FINE);
	assert_int_equal(s.judgement.n_asks, 0);
	build_unset(i, MEMINFO_page_tables_bytes);
	assert_int_equal(scene_judge(&s, &check_mem_page_tables), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void unaccounted_has_a_reason(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct meminfo *i = add_host(&s);

	/* Of 16 GiB: 10 free, 2 anonymous, 4 of cache, of which 1 is mapped; nothing is left. */
	assert_int_equal(scene_judge(&s, &check_mem_unaccounted), VERDICT_FINE);
	assert_int_equal(s.judgement.n_asks, 0);
	i->free_bytes -= 3 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_unaccounted), VERDICT_ASK);
	struct zone *z = build_row(&s.now, TABLE_zone);
	const struct finding *f = scene_sad(&s, &check_mem_unaccounted, SEVERITY_INFO);

	assert_non_null(strstr(f->title, "3 GiB"));
	i->zfs_arc_bytes = 8 * GIB; /* some of it in slab */
	assert_int_equal(scene_judge(&s, &check_mem_unaccounted), VERDICT_FINE);
	i->zfs_arc_bytes = 0;
	i->balloon_bytes = GIB;
	f = scene_sad(&s, &check_mem_unaccounted, SEVERITY_INFO);
	assert_non_null(strstr(f->cause, "balloon took 1 GiB"));
	i->available_bytes = GIB;
	scene_sad(&s, &check_mem_unaccounted, SEVERITY_WARNING);
	/* It lies on the lists of CPUs. */
	z->per_cpu_bytes = 2 * GIB;
	assert_int_equal(scene_judge(&s, &check_mem_unaccounted), VERDICT_FINE);
	/* An old kernel does not tell enough. */
	build_unset(i, MEMINFO_percpu_bytes);
	assert_int_equal(scene_judge(&s, &check_mem_unaccounted), VERDICT_UNKNOWN);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_names_the_object),
		cmocka_unit_test(shared_asks_for_nothing_on_healthy_hosts),
		cmocka_unit_test(page_tables_of_many_who_map_the_same),
		cmocka_unit_test(few_page_tables_are_fine),
		cmocka_unit_test(unaccounted_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
