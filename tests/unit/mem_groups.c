/* SPDX-License-Identifier: MIT */
/* murphy mem: groups of processes, whom they share with, and the account that adds up. */
#include "model/mem_groups.h"
#include "model/unit.h"
#include "sample/member.h"
#include "sample/shared_kind.h"
#include "tests/unit/build.h"

#define MIB (UINT64_C(1) << 20)

struct host {
	struct frame f;
	struct arena a;
	struct mem_groups g;
};

static void add_process(struct host *h, uint64_t pid, const char *comm, const char *exe)
{
	text_t name = build_text(&h->f, TABLE_process, comm);
	struct process *p = build_row(&h->f, TABLE_process);

	p->pid = pid;
	p->comm = name;
	p->state = 'S';
	p->ppid = pid > 100 ? 100 : 1;
	p->session = pid > 100 ? 100 : 7;
	if (!exe)
		return;
	text_t path = build_text(&h->f, TABLE_process_exe, exe);
	struct process_exe *e = build_row(&h->f, TABLE_process_exe);

	e->pid = pid;
	e->path = path;
}

static void add_cgroup(struct host *h, uint64_t pid, const char *path)
{
	text_t text = build_text(&h->f, TABLE_process_cgroup, path);
	struct process_cgroup *c = build_row(&h->f, TABLE_process_cgroup);

	c->pid = pid;
	c->path = text;
}

/*
 * Two nginx, one of them started from elsewhere; a master and two workers; a kernel thread, a
 * zombie.
 */
static void start(struct host *h)
{
	*h = (struct host){ 0 };
	h->f.boottime_ns = 1000 * SECOND;
	add_process(h, 100, "nginx", "/usr/sbin/nginx");
	add_process(h, 101, "nginx", "/usr/sbin/nginx");
	add_process(h, 102, "worker 2", "/usr/sbin/nginx");
	add_process(h, 50, "nginx", "/opt/nginx");
	add_process(h, 51, "theirs", NULL);
	add_process(h, 2, "kthreadd", NULL);
	((struct process *)h->f.at[TABLE_process]->row)[5].kthread = 1;
	add_process(h, 60, "dead", NULL);
	((struct process *)h->f.at[TABLE_process]->row)[6].state = 'Z';
}

static void make(struct host *h, enum mem_by by)
{
	for (int i = 0; i < TABLES; i++) {
		if (h->f.at[i])
			assert_int_equal(table_sort(h->f.at[i]), 0);
	}
	arena_release(&h->a);
	assert_int_equal(mem_groups_make(&h->f, by, &h->a, &h->g), 0);
}

static void stop(struct host *h)
{
	arena_release(&h->a);
	frame_release(&h->f);
}

static struct mem_group *group(struct host *h, const char *name)
{
	for (size_t i = 0; i < h->g.n; i++) {
		if (strcmp(h->g.group[i].name, name) == 0)
			return &h->g.group[i];
	}
	fail_msg("no group is called %s", name);
	return NULL;
}

static struct group_share *add_share(struct host *h, const char *name, uint64_t pss)
{
	struct group_share *s = build_row(&h->f, TABLE_group_share);

	s->group = (uint64_t)(group(h, name) - h->g.group);
	s->rss_bytes = 3 * pss;
	s->pss_bytes = pss;
	return s;
}

static void by_executable(void **state UNUSED)
{
	struct host h;

	start(&h);
	make(&h, MEM_BY_EXECUTABLE);
	assert_int_equal(h.g.n, 4);
	assert_int_equal(h.g.n_keys, 5); /* neither the kernel's thread nor the zombie */
	/* Two of one name are told apart; what may not be read is called as it calls itself. */
	const struct mem_group *g = group(&h, "/usr/sbin/nginx");

	assert_int_equal(g->processes, 3);
	assert_int_equal(group(&h, "/opt/nginx")->processes, 1);
	assert_null(group(&h, "theirs")->path);
	assert_true(group(&h, "kernel threads")->kernel);
	for (size_t i = 0; i < g->processes; i++)
		assert_int_equal(
			h.g.key[g->first + i], member_key((uint64_t)(g - h.g.group), 100 + i));
	for (size_t i = 1; i < h.g.n_keys; i++)
		assert_true(h.g.key[i - 1] < h.g.key[i]);
	stop(&h);
}

static void by_other_things(void **state UNUSED)
{
	struct host h;

	start(&h);
	add_cgroup(&h, 100, "/system.slice/nginx.service");
	add_cgroup(&h, 101, "/system.slice/nginx.service/worker");
	add_cgroup(&h, 102, "/docker/0123");
	add_cgroup(&h, 50, "/");
	make(&h, MEM_BY_UNIT);
	assert_int_equal(group(&h, "nginx.service")->processes, 2);
	assert_int_equal(group(&h, "(no unit)")->processes, 2);
	assert_int_equal(group(&h, "(not known)")->processes, 1);
	assert_int_equal(h.g.unnamed, 1);
	make(&h, MEM_BY_CGROUP);
	assert_int_equal(group(&h, "/system.slice/nginx.service/worker")->processes, 1);
	make(&h, MEM_BY_SESSION);
	assert_int_equal(group(&h, "nginx (session 100)")->processes, 2);
	assert_int_equal(group(&h, "session 7")->processes, 3);
	make(&h, MEM_BY_PARENT);
	assert_int_equal(group(&h, "children of nginx (pid 100)")->processes, 2);
	make(&h, MEM_BY_PROCESS);
	assert_int_equal(h.g.n, 6);
	assert_int_equal(group(&h, "worker 2")->id, 102);
	struct process_status *s = build_row(&h.f, TABLE_process_status);

	s->pid = 100;
	s->uid = 33;
	s = build_row(&h.f, TABLE_process_status);
	s->pid = 101;
	s->uid = 1000;
	text_t name = build_text(&h.f, TABLE_user_name, "www-data");
	struct user_name *u = build_row(&h.f, TABLE_user_name);

	u->uid = 33;
	u->name = name;
	make(&h, MEM_BY_USER);
	assert_int_equal(group(&h, "www-data")->id, 33);
	assert_int_equal(group(&h, "user 1000")->processes, 1);
	stop(&h);
}

static struct meminfo *add_meminfo(struct host *h)
{
	struct meminfo *i = build_row(&h->f, TABLE_meminfo);
	struct zone *z = build_row(&h->f, TABLE_zone);

	i->total_bytes = 1000 * MIB;
	i->free_bytes = 300 * MIB;
	i->anon_bytes = 90 * MIB;
	i->mapped_bytes = 60 * MIB;
	i->cached_bytes = 260 * MIB;
	i->shmem_bytes = 80 * MIB;
	i->buffers_bytes = 20 * MIB;
	i->slab_reclaimable_bytes = 100 * MIB;
	i->kernel_reclaimable_bytes = 105 * MIB;
	i->slab_unreclaimable_bytes = 50 * MIB;
	i->page_tables_bytes = 30 * MIB;
	i->kernel_stack_bytes = 10 * MIB;
	i->vmalloc_used_bytes = 25 * MIB;
	i->percpu_bytes = 4 * MIB;
	i->hugetlb_bytes = 64 * MIB;
	/*
	 * The swap cache has 12; of the lists of anonymous pages 7 are neither mapped nor shared.
	 */
	i->swap_cached_bytes = 12 * MIB;
	i->active_anon_bytes = 100 * MIB;
	i->inactive_anon_bytes = 77 * MIB;
	z->per_cpu_bytes = 16 * MIB;
	return i;
}

static double row(const struct host *h, enum mem_row r)
{
	assert_int_equal(h->g.account.row[r].state, STATE_OK);
	return h->g.account.row[r].value / (double)MIB;
}

static void the_account_adds_up(void **state UNUSED)
{
	struct host h;

	start(&h);
	add_meminfo(&h);
	make(&h, MEM_BY_EXECUTABLE);
	add_share(&h, "/usr/sbin/nginx", 100 * MIB);
	add_share(&h, "/opt/nginx", 30 * MIB);
	add_share(&h, "theirs", 20 * MIB);
	assert_int_equal(table_sort(h.f.at[TABLE_group_share]), 0);
	mem_groups_fold(&h.g, &h.f);
	assert_true(h.g.all);
	assert_true(row(&h, MEM_ROW_PROCESSES) == 150);
	assert_int_equal(h.g.account.row[MEM_ROW_UNSEEN].state, STATE_ABSENT);
	/* What of shared memory is mapped is not known: one row for both. */
	assert_true(row(&h, MEM_ROW_CACHES) == 200);
	assert_true(row(&h, MEM_ROW_VMALLOC) == 15);
	assert_true(row(&h, MEM_ROW_RECLAIMABLE) == 5);
	assert_true(row(&h, MEM_ROW_SWAP_CACHE) == 7);
	assert_true(row(&h, MEM_ROW_CPU_LISTS) == 16);
	double sum = 0;

	assert_int_equal(h.g.account.row[MEM_ROW_CMA].state, STATE_ABSENT);
	for (int i = 0; i < MEM_ROWS; i++)
		sum += h.g.account.row[i].state == STATE_OK ? h.g.account.row[i].value : 0;
	assert_true(sum + h.g.account.unaccounted.value == 1000.0 * (double)MIB);
	assert_true(h.g.account.unaccounted.value == 29.0 * (double)MIB);
	/* Now it is known. */
	struct shared_object *o = build_row(&h.f, TABLE_shared_object);

	o->kind = SHARED_MEMFD;
	o->pss_bytes = 50 * MIB;
	o = build_row(&h.f, TABLE_shared_object);
	o->inode = 1;
	o->kind = SHARED_FILE;
	o->pss_bytes = 10 * MIB;
	make(&h, MEM_BY_EXECUTABLE);
	mem_groups_fold(&h.g, &h.f);
	assert_true(row(&h, MEM_ROW_SHMEM) == 30 && row(&h, MEM_ROW_CACHE) == 170);
	assert_int_equal(h.g.account.row[MEM_ROW_CACHES].state, STATE_ABSENT);
	assert_true(h.g.account.unaccounted.value == 29.0 * (double)MIB);
	/* Devices have some of it. */
	struct cma *area = build_row(&h.f, TABLE_cma);

	area->device_bytes = 9 * MIB;
	make(&h, MEM_BY_EXECUTABLE);
	mem_groups_fold(&h.g, &h.f);
	assert_true(row(&h, MEM_ROW_CMA) == 9);
	assert_true(h.g.account.unaccounted.value == 20.0 * (double)MIB);
	build_unset(area, CMA_device_bytes);
	make(&h, MEM_BY_EXECUTABLE);
	mem_groups_fold(&h.g, &h.f);
	assert_int_equal(h.g.account.row[MEM_ROW_CMA].state, STATE_ABSENT);
	stop(&h);
}

/*
 * Some of the processes could not be read: what the kernel says is mapped tells how much is theirs.
 */
static void what_is_not_seen_has_a_row(void **state UNUSED)
{
	struct host h;

	start(&h);
	add_meminfo(&h);
	make(&h, MEM_BY_EXECUTABLE);
	add_share(&h, "/opt/nginx", 30 * MIB);
	build_unset(add_share(&h, "theirs", 0), GROUP_SHARE_pss_bytes);
	assert_int_equal(table_sort(h.f.at[TABLE_group_share]), 0);
	mem_groups_fold(&h.g, &h.f);
	assert_false(h.g.all);
	assert_null(group(&h, "/usr/sbin/nginx")->share);
	assert_true(row(&h, MEM_ROW_PROCESSES) == 30 && row(&h, MEM_ROW_UNSEEN) == 120);
	assert_true(h.g.account.unaccounted.value == 29.0 * (double)MIB);
	/* Nobody could be read at all. */
	table_fail(h.f.at[TABLE_group_share], STATE_DENIED, "needs root");
	make(&h, MEM_BY_EXECUTABLE);
	mem_groups_fold(&h.g, &h.f);
	assert_int_equal(h.g.pss.state, STATE_ABSENT);
	assert_true(row(&h, MEM_ROW_PROCESSES) == 150);
	assert_true(h.g.account.unaccounted.value == 29.0 * (double)MIB);
	stop(&h);
}

static void kernels_that_tell_less(void **state UNUSED)
{
	struct host h;

	start(&h);
	struct meminfo *i = add_meminfo(&h);

	make(&h, MEM_BY_EXECUTABLE);
	/* Stacks that are not in vmalloc; with so little in it they cannot be. */
	i->vmalloc_used_bytes = 8 * MIB;
	mem_groups_fold(&h.g, &h.f);
	assert_true(row(&h, MEM_ROW_VMALLOC) == 8 && row(&h, MEM_ROW_STACKS) == 10);
	/* Before 4.20 VmallocUsed is no memory, or 0. */
	build_unset(i, MEMINFO_percpu_bytes);
	i->vmalloc_used_bytes = 300 * MIB;
	mem_groups_fold(&h.g, &h.f);
	assert_int_equal(h.g.account.row[MEM_ROW_VMALLOC].state, STATE_ABSENT);
	assert_int_equal(h.g.account.row[MEM_ROW_PERCPU].state, STATE_ABSENT);
	build_unset(i, MEMINFO_slab_reclaimable_bytes);
	build_unset(i, MEMINFO_slab_unreclaimable_bytes);
	i->slab_bytes = 150 * MIB;
	mem_groups_fold(&h.g, &h.f);
	assert_true(row(&h, MEM_ROW_SLAB) == 150);
	assert_int_equal(h.g.account.row[MEM_ROW_RECLAIMABLE].state, STATE_ABSENT);
	/* The lists of anonymous pages are not told: all of the swap cache may be unmapped. */
	build_unset(i, MEMINFO_active_anon_bytes);
	mem_groups_fold(&h.g, &h.f);
	assert_true(row(&h, MEM_ROW_SWAP_CACHE) == 12);
	/* More is counted than there is. */
	i->total_bytes = 700 * MIB;
	mem_groups_fold(&h.g, &h.f);
	assert_true(h.g.account.unaccounted.value < 0);
	table_fail(h.f.at[TABLE_meminfo], STATE_DENIED, "no");
	mem_groups_fold(&h.g, &h.f);
	assert_int_equal(h.g.account.total.state, STATE_ABSENT);
	assert_int_equal(h.g.account.unaccounted.state, STATE_ABSENT);
	stop(&h);
}

static void add_object(struct host *h, uint64_t inode, const char *name, uint64_t pss)
{
	struct object_share *s = build_row(&h->f, TABLE_object_share);

	s->inode = inode;
	s->group = (uint64_t)(group(h, name) - h->g.group);
	s->pss_bytes = pss;
}

static void with_whom(void **state UNUSED)
{
	struct host h;

	start(&h);
	make(&h, MEM_BY_EXECUTABLE);
	add_object(&h, 1, "/usr/sbin/nginx", 10 * MIB);
	add_object(&h, 1, "/opt/nginx", 4 * MIB);
	add_object(&h, 2, "/usr/sbin/nginx", 5 * MIB);
	add_object(&h, 2, "theirs", 7 * MIB);
	add_object(&h, 3, "theirs", 2 * MIB);
	assert_int_equal(table_sort(h.f.at[TABLE_object_share]), 0);
	mem_shares_fold(&h.g, h.f.at[TABLE_object_share]);
	const struct mem_group *g = group(&h, "/usr/sbin/nginx");

	assert_int_equal(g->n_with, 2);
	assert_string_equal(h.g.group[g->with[0].group].name, "theirs");
	assert_int_equal(g->with[0].bytes, 5 * MIB);
	assert_string_equal(h.g.group[g->with[1].group].name, "/opt/nginx");
	assert_int_equal(group(&h, "theirs")->n_with, 1);
	/* Of many the largest stay. */
	make(&h, MEM_BY_PROCESS);
	struct mem_group *first = &h.g.group[0];

	for (size_t i = 1; i < 6; i++) {
		h.f.at[TABLE_object_share]->n = 0;
		struct object_share *s = build_row(&h.f, TABLE_object_share);

		*s = (struct object_share){ .has = s->has, .group = 0, .pss_bytes = 100 * MIB };
		s = build_row(&h.f, TABLE_object_share);
		*s = (struct object_share){ .has = s->has, .group = i, .pss_bytes = i * MIB };
		mem_shares_fold(&h.g, h.f.at[TABLE_object_share]);
	}
	assert_int_equal(first->n_with, MEM_WITH_MAX);
	for (size_t i = 0; i < MEM_WITH_MAX; i++)
		assert_int_equal(first->with[i].group, 5 - i);
	stop(&h);
}

static void units(void **state UNUSED)
{
	static const struct {
		const char *path, *unit;
	} cases[] = { { "/system.slice/a.service/b.service", "a.service" }, { "/", "" },
		{ "/user.slice/user-0.slice/session-3.scope", "session-3.scope" },
		{ "/kubepods/pod1/a.service", "" }, { "", "" }, { "/-x.service", "" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_true(span_eq(unit_of_path(cases[i].path), cases[i].unit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_executable),
		cmocka_unit_test(by_other_things),
		cmocka_unit_test(the_account_adds_up),
		cmocka_unit_test(what_is_not_seen_has_a_row),
		cmocka_unit_test(kernels_that_tell_less),
		cmocka_unit_test(with_whom),
		cmocka_unit_test(units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
