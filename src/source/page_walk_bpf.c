/* SPDX-License-Identifier: MIT */
/*
 * Exact shares of memory, from the page tables themselves: source/page_table.h reads them,
 * engine/page_count.h counts.
 */
#include "base/mem.h"
#include "source/page_frame.h"
#include "source/page_table.h"

#include <errno.h>
#include <string.h>

#ifdef __x86_64__
enum { IS_X86_64 = 1 };
#else
enum { IS_X86_64 = 0 };
#endif

/* One address space. */
struct space {
	struct page_table_task task;
	int number; /* of page_count */
	bool whole; /* all of its tables could be read */
};

struct walk {
	struct probe *probe;
	struct shares shares;
	struct page_count count;
	struct page_table_walk tables;
	struct page_table_tasks tasks, after;
	struct space *space;
	size_t n_spaces;
};

static int by_mm(const void *a, const void *b)
{
	const struct page_table_task *x = a, *y = b;

	if (x->mm != y->mm)
		return x->mm < y->mm ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_mm_alone(const void *mm, const void *space)
{
	uint64_t x = *(const uint64_t *)mm, y = ((const struct space *)space)->task.mm;

	return (x > y) - (x < y);
}

static int walk_space(struct walk *w, const struct page_table_task *task)
{
	struct space *space = &w->space[w->n_spaces];
	uint64_t lost = w->tables.lost;

	space->task = *task;
	space->number = page_count_space(&w->count, page_frame_group(&w->shares, task->pid));
	if (space->number < 0)
		return space->number;
	w->n_spaces++;
	int err = page_table_walk(&w->tables, task);

	space->whole = w->tables.lost == lost;
	return err;
}

/* Each address space once, whoever has it. */
static int walk_all(struct walk *w)
{
	const struct page_table_tasks *list = &w->tasks;

	qsort(list->task, list->n, sizeof(*list->task), by_mm);
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0 && list->task[i - 1].mm == list->task[i].mm)
			continue;
		if (probe_late(w->probe))
			return -ETIME;
		int err = walk_space(w, &list->task[i]);

		if (err < 0)
			return err;
	}
	return 0;
}

/* The same process with the same address space, now as before? */
static bool still_there(const struct walk *w, const struct page_table_task *task)
{
	const struct page_table_tasks *list = &w->after;
	const struct page_table_task *now =
		list->n ? bsearch(task, list->task, list->n, sizeof(*task), by_mm) : NULL;

	return now && now->start_ns == task->start_ns && now->pgd == task->pgd;
}

/* A process that ended or became another while it was read gave us what was no page table. */
static int drop_gone(struct walk *w)
{
	int err = page_table_tasks(&w->tables, w->probe, &w->after);

	if (err < 0)
		return err;
	qsort(w->after.task, w->after.n, sizeof(*w->after.task), by_mm);
	for (size_t i = 0; i < w->n_spaces; i++) {
		struct space *s = &w->space[i];

		if (still_there(w, &s->task))
			continue;
		page_count_drop(&w->count, s->number);
		s->number = -1;
	}
	return 0;
}

static void put_process(struct walk *w, const struct page_table_task *task)
{
	struct share *to = shares_find(&w->shares, task->pid);
	uint64_t mm = task->mm;
	const struct space *s =
		to ? bsearch(&mm, w->space, w->n_spaces, sizeof(*s), by_mm_alone) : NULL;

	if (!s || s->number < 0 || !s->whole)
		return;
	to->measured = true;
	to->twin = s->task.pid == task->pid ? 0 : s->task.pid;
	if (to->twin)
		return;
	page_frame_share(to, &w->count, s->number, PAGE_SIZE_X86);
	to->tables = (double)s->task.tables_bytes;
}

/* Who has no memory any more, or never had (a kernel thread), is nobody that is missing. */
static void mark_gone(struct walk *w)
{
	for (size_t i = 0; i < w->shares.n; i++)
		w->shares.process[i].gone = true;
	for (size_t i = 0; i < w->after.n; i++) {
		struct share *s = shares_find(&w->shares, w->after.task[i].pid);

		if (s)
			s->gone = false;
	}
}

static int finish(struct walk *w)
{
	int err = page_frame_count(w->probe, &w->count, page_frame_sees_all(w->probe));

	if (err < 0)
		return err;
	for (size_t i = 0; i < w->tasks.n; i++)
		put_process(w, &w->tasks.task[i]);
	mark_gone(w);
	page_frame_split(&w->shares, &w->count, PAGE_SIZE_X86);
	return shares_rows(&w->shares, w->probe, "began or changed while the others were read");
}

static int walk_and_count(struct walk *w)
{
	int err = page_table_tasks(&w->tables, w->probe, &w->tasks);

	if (err == 0 && !(w->space = mem_new(w->tasks.n + 1, sizeof(*w->space))))
		err = -ENOMEM;
	if (err == 0)
		err = walk_all(w);
	if (err == 0)
		err = drop_gone(w);
	return err < 0 ? err : finish(w);
}

static int run(struct walk *w)
{
	int err = shares_init(&w->shares, w->probe);

	if (err == 0)
		err = page_count_init(&w->count, page_frame_limit(w->probe));
	if (err == 0)
		err = page_table_open(&w->tables, w->probe, &w->count);
	if (err == 0)
		err = walk_and_count(w);
	page_table_close(&w->tables);
	page_count_release(&w->count);
	free(w->tasks.task);
	free(w->after.task);
	free(w->space);
	return err;
}

static void fail_both(struct probe *p, int err, const struct bpf_said *said)
{
	static const enum table_id both[] = { TABLE_process_share, TABLE_group_share };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		if (probe_table(p, both[i]))
			bpf_fail(probe_table(p, both[i]), err, said);
	}
}

static void say(struct walk *w, int err, const struct bpf_said *said)
{
	struct probe *p = w->probe;

	if (err == 0)
		return;
	if (err == -ETIME)
		shares_fail(p, STATE_LATE, "%zu of %zu address spaces in time", w->n_spaces,
			w->tasks.n);
	else if (err == -EFBIG)
		shares_fail(p, STATE_ABSENT, "eBPF: counting needs more than %zu MiB",
			w->count.limit_bytes >> 20);
	else if (err == -ENOTSUP && w->tables.why)
		shares_fail(p, STATE_ABSENT, "eBPF: %s", w->tables.why);
	else
		fail_both(p, err, said);
}

static int read_page_walk(struct probe *p)
{
	struct walk w = { .probe = p, .tables.flags_fd = -1 };
	struct bpf_said said = { 0 };

	if (!host_is_live(p->host))
		return 0;
	if (!shares_exact(p)) {
		shares_fail(p, STATE_ABSENT, "eBPF: exact values are not asked for");
		return 0;
	}
	if (!IS_X86_64) {
		shares_fail(
			p, STATE_ABSENT, "eBPF: page tables of this architecture are not known");
		return 0;
	}
	bpf_listen(&said);
	int err = run(&w);

	bpf_listen(NULL);
	say(&w, err, &said);
	shares_release(&w.shares);
	return err == -ENOMEM ? err : 0;
}

const struct source source_page_walk_bpf = {
	.name = "page_walk_bpf",
	.fills = { TABLE_process_share, TABLE_group_share },
	.uses = { TABLE_meminfo },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.exact_only = true,
	.rows_only = true,
	.deadline_ns = 20000000000,
	.denied = "needs CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN",
	.read = read_page_walk,
};
