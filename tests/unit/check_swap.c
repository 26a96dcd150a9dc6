/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "model/swap.h"
#include "tests/unit/build.h"

extern const struct check check_mem_swap;

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

struct machine {
	struct scene s;
	struct vmstat *was, *now;
	struct meminfo *mem;
	struct pressure *stall;
};

/* 16 GiB, 4 GiB of swap half used, memory available as said. */
static void start(struct machine *k, uint64_t available)
{
	scene_start(&k->s);
	k->was = build_row(&k->s.was, TABLE_vmstat);
	k->now = build_row(&k->s.now, TABLE_vmstat);
	k->mem = build_row(&k->s.now, TABLE_meminfo);
	k->mem->total_bytes = 16 * GIB;
	k->mem->available_bytes = available;
	k->mem->swap_total_bytes = 4 * GIB;
	k->mem->swap_free_bytes = 2 * GIB;
	struct pressure *was = build_row(&k->s.was, TABLE_pressure);

	k->stall = build_row(&k->s.now, TABLE_pressure);
	was->resource = build_text(&k->s.was, TABLE_pressure, "memory");
	k->stall->resource = build_text(&k->s.now, TABLE_pressure, "memory");
	struct swap *a = build_row(&k->s.now, TABLE_swap);

	a->path = build_text(&k->s.now, TABLE_swap, "/dev/sda2");
	a->size_bytes = 4 * GIB;
	a->used_bytes = 2 * GIB;
	a->file = 0;
}

static void add_process(struct machine *k, uint64_t pid, uint64_t swapped, uint64_t faults)
{
	struct process *was = build_row(&k->s.was, TABLE_process);
	struct process *now = build_row(&k->s.now, TABLE_process);
	struct process_status *status = build_row(&k->s.now, TABLE_process_status);

	was->pid = now->pid = status->pid = pid;
	was->start_ns = now->start_ns = 5 * SECOND;
	now->comm = build_text(&k->s.now, TABLE_process, "db");
	now->state = was->state = 'S';
	now->major_faults = faults;
	build_unset(now, PROCESS_block_delay_ns);
	status->swap_bytes = swapped;
}

static void add_disk(struct machine *k, uint64_t wait_ns)
{
	struct disk *was = build_row(&k->s.was, TABLE_disk),
		    *now = build_row(&k->s.now, TABLE_disk);

	was->dev = now->dev = UINT64_C(8) << 32 | 2;
	now->name = build_text(&k->s.now, TABLE_disk, "sda2");
	now->reads = 100;
	now->read_wait_ns = 100 * wait_ns;
}

static enum verdict judge_now(struct machine *k)
{
	enum verdict v = scene_judge(&k->s, &check_mem_swap);

	if (v == VERDICT_ASK) {
		build_table(&k->s.now, TABLE_task_wait);
		v = scene_judge(&k->s, &check_mem_swap);
	}
	if (v == VERDICT_SAD) {
		const struct finding *f = k->s.judgement.finding[0];

		assert_true(f->n_culprits > 0 && f->n_evidence > 0 && f->n_todo > 0);
		assert_true(f->title[0] && f->cause[0] && f->refuted_if[0]);
	}
	return v;
}

static void in_use_is_no_harm(void **state UNUSED)
{
	struct machine k;

	start(&k, 8 * GIB);
	add_process(&k, 9, 2 * GIB, 4);
	k.mem->swap_free_bytes = 0; /* all of it, and nothing moves */
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	/* A daemon wakes up: 9 pages a second, while a container's copy stalls in its group. */
	k.now->swap_in_pages = 18;
	k.stall->some_total_ns = SECOND;
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	/* zram: many pages, nobody waits. */
	k.now->swap_in_pages = 100000;
	k.stall->some_total_ns = SECOND / 50;
	add_disk(&k, 0);
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	scene_end(&k.s);
}

static void no_swap_is_fine_and_one_reading_unknown(void **state UNUSED)
{
	struct machine k;

	start(&k, 8 * GIB);
	k.s.was.at[TABLE_vmstat]->state = STATE_ABSENT;
	assert_int_equal(judge_now(&k), VERDICT_UNKNOWN);
	k.mem->swap_total_bytes = 0;
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	build_unset(k.mem, MEMINFO_swap_total_bytes);
	assert_int_equal(judge_now(&k), VERDICT_UNKNOWN);
	scene_end(&k.s);
}

static void the_host_waits(void **state UNUSED)
{
	struct machine k;

	start(&k, 1 * GIB);
	add_process(&k, 9, 1 * GIB, 0);
	add_process(&k, 10, 512 * MIB, 0);
	k.now->swap_in_pages = 2000;
	k.stall->some_total_ns = 2 * SECOND / 100 * 4;
	assert_int_equal(judge_now(&k), VERDICT_FINE); /* 4 % */
	k.stall->some_total_ns = 2 * SECOND / 100 * 6;
	assert_int_equal(judge_now(&k), VERDICT_SAD);
	const struct finding *f = k.s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(f->culprits[0].pid, 9);
	assert_string_equal(f->culprits[0].detail, "1 GiB in swap");
	k.stall->some_total_ns = SECOND;
	assert_int_equal(judge_now(&k), VERDICT_SAD);
	assert_int_equal(k.s.judgement.finding[0]->severity, SEVERITY_CRITICAL);
	/* Files come back ten times as often: that is mem.pressure. */
	k.now->refault_file_pages = 20000;
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	scene_end(&k.s);
}

/* Without PSI, or for pages that it does not count. */
static void one_process_waits(void **state UNUSED)
{
	struct machine k;

	start(&k, 8 * GIB);
	k.s.now.at[TABLE_pressure]->state = STATE_ABSENT;
	add_process(&k, 9, 1 * GIB, 100); /* 50/s */
	k.now->swap_in_pages = 800;
	assert_int_equal(judge_now(&k), VERDICT_FINE); /* nobody knows what a read takes */
	add_disk(&k, 3000000);
	assert_int_equal(judge_now(&k), VERDICT_FINE); /* 15 % */
	((struct disk *)k.s.now.at[TABLE_disk]->row)->read_wait_ns = 500 * SECOND / 1000;
	assert_int_equal(judge_now(&k), VERDICT_SAD); /* 5 ms: 25 % */
	const struct finding *f = k.s.judgement.finding[0];

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(f->victims[0].pid, 9);
	assert_string_equal(f->culprits[1].name, "sda2");
	scene_end(&k.s);
}

static void a_sleeper_is_seen(void **state UNUSED)
{
	struct machine k;

	start(&k, 8 * GIB);
	add_process(&k, 9, 1 * GIB, 100);
	((struct process *)k.s.was.at[TABLE_process]->row)->state = 'D';
	((struct process *)k.s.now.at[TABLE_process]->row)->state = 'D';
	k.now->swap_in_pages = 800;
	assert_int_equal(scene_judge(&k.s, &check_mem_swap), VERDICT_ASK);
	struct task_wait *w = build_row(&k.s.now, TABLE_task_wait);

	w->tid = w->pid = 9;
	w->stack = build_text(&k.s.now, TABLE_task_wait, "folio_wait_bit_common < filemap_fault");
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	w->stack = build_text(&k.s.now, TABLE_task_wait, "folio_wait_bit_common < do_swap_page");
	assert_int_equal(judge_now(&k), VERDICT_SAD);
	assert_int_equal(k.s.judgement.finding[0]->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(k.s.judgement.finding[0]->victims[0].pid, 9);
	scene_end(&k.s);
}

static void full_counts_when_memory_is_low_and_moves(void **state UNUSED)
{
	struct machine k;

	start(&k, 1 * GIB);
	k.mem->swap_free_bytes = 100 * MIB;
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	k.now->swap_out_pages = 30;
	assert_int_equal(judge_now(&k), VERDICT_SAD);
	assert_non_null(strstr(k.s.judgement.finding[0]->title, "full"));
	k.mem->swap_free_bytes = 300 * MIB;
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	k.mem->swap_free_bytes = 100 * MIB;
	k.mem->available_bytes = 4 * GIB;
	assert_int_equal(judge_now(&k), VERDICT_FINE);
	scene_end(&k.s);
}

/* A swap file lies on the disk below the mount that holds it. */
static void a_file_has_a_device(void **state UNUSED)
{
	struct machine k;

	start(&k, 8 * GIB);
	struct mount *m = build_row(&k.s.now, TABLE_mount);
	text_t target = build_text(&k.s.now, TABLE_mount, "/");

	m->target = target;
	m->dev = UINT64_C(8) << 32 | 2;
	add_disk(&k, 100);
	struct swap *a = k.s.now.at[TABLE_swap]->row;

	a->file = 1;
	a->path = build_text(&k.s.now, TABLE_swap, "/swap file");
	scene_step(&k.s);
	assert_int_equal(k.s.model.swap->n_areas, 1);
	assert_string_equal(k.s.model.swap->main->disk->name, "sda2");
	scene_end(&k.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_use_is_no_harm),
		cmocka_unit_test(no_swap_is_fine_and_one_reading_unknown),
		cmocka_unit_test(the_host_waits),
		cmocka_unit_test(one_process_waits),
		cmocka_unit_test(a_sleeper_is_seen),
		cmocka_unit_test(full_counts_when_memory_is_low_and_moves),
		cmocka_unit_test(a_file_has_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
