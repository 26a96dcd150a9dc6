/* SPDX-License-Identifier: MIT */
/*
 * The exact sources of shares of memory on processes that this test starts: all say what
 * smaps_rollup says, to the KiB to which it rounds.
 */
#include "source/page_frame.h"
#include "source/share.h"
#include "tests/unit/family.h"
#include "tests/unit/run_source.h"

#include <sched.h>

enum { SLACK = 2048, OTHERS_MIB = SANITIZED ? 1024 : 64, TRIES = SANITIZED ? 3 : 40 };

static const enum table_id ids[] = { TABLE_process_share, TABLE_group_share, TABLE_none };
static const char *const names[] = { "page_walk_bpf", "page_map", "smaps_rollup" };

struct truth {
	uint64_t rss, pss, uss, swap_pss;
};

static struct truth truth_of(pid_t pid)
{
	return (struct truth){ rollup(pid, "Rss:"), rollup(pid, "Pss:"),
		rollup(pid, "Private_Clean:") + rollup(pid, "Private_Dirty:"),
		rollup(pid, "SwapPss:") };
}

static bool near(uint64_t a, uint64_t b, uint64_t slack)
{
	return a + slack >= b && b + slack >= a;
}

/*
 * What reads smaps_rollup is a child of this test, and has a share of what the test has. Of a
 * sanitizer's shadow all children have copies, of which each write of this test undoes some.
 */
static bool equals(const char *name, const struct process_share *row, const struct truth *t)
{
	uint64_t pss = SANITIZED                           ? t->pss / 4
		       : strcmp(name, "smaps_rollup") == 0 ? t->pss / 10
							   : SLACK;
	uint64_t uss = SANITIZED ? t->uss / 10 : SLACK;

	return row && near(row->rss_bytes, t->rss, SLACK) && near(row->pss_bytes, t->pss, pss) &&
	       near(row->uss_bytes, t->uss, uss) && near(row->swap_pss_bytes, t->swap_pss, SLACK);
}

static void measure(const struct family *f, const char *name, struct table **out)
{
	uint64_t keys[CHILDREN];

	for (int i = 0; i < CHILDREN; i++)
		keys[i] = member_key((uint64_t)i / 2, (uint64_t)f->pid[i]);
	run_source_exact(live, name, out, ids, keys, CHILDREN);
}

/* False: it may not look here. */
static bool measured(struct table **out)
{
	const struct table *t = out[TABLE_process_share];

	if (t->state == STATE_OK)
		return true;
	assert_true(t->state == STATE_DENIED || t->state == STATE_ABSENT);
	assert_true(t->why[0]);
	return false;
}

/*
 * What libraries are worth changes with each process of the host that starts or ends, so once is
 * enough that all agree.
 */
static void agree(const struct family *f, const char *name)
{
	int right = 0;

	for (int try = 0; try < TRIES && right < CHILDREN; try++) {
		struct table *out[TABLES] = { 0 };
		struct truth before[CHILDREN];

		for (int i = 0; i < CHILDREN; i++)
			before[i] = truth_of(f->pid[i]);
		measure(f, name, out);
		if (!measured(out)) {
			drop_tables(out);
			return;
		}
		right = 0;
		for (int i = 0; i < CHILDREN; i++) {
			struct truth after = truth_of(f->pid[i]);
			const struct process_share *row =
				table_find(out[TABLE_process_share], (uint64_t)f->pid[i]);

			right += equals(name, row, &before[i]) || equals(name, row, &after);
		}
		drop_tables(out);
	}
	if (right < CHILDREN)
		print_message("%s: %d of %d\n", name, right, CHILDREN);
	assert_int_equal(right, CHILDREN);
}

static void all_kinds(void **state UNUSED)
{
	struct family f;

	start(&f, child_of_all_kinds);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		agree(&f, names[i]);
	stop(&f);
}

static void huge_pages(void **state UNUSED)
{
	char *was = parents, *at = huge_parents();
	struct family f;

	start(&f, child_of_huge_pages);
	/* What reads smaps_rollup would have a sixth of it. */
	assert_int_equal(madvise(parents, 2 * MIB, MADV_DONTFORK), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		agree(&f, names[i]);
	stop(&f);
	munmap(at, 4 * MIB);
	parents = was;
}

/* Two groups, each of two: what is theirs alone, what both have, and that it adds up. */
static void groups(void **state UNUSED)
{
	for (size_t i = 0; i < 2; i++) {
		struct table *out[TABLES] = { 0 };
		const struct group_share *g, *other;
		struct family f;

		start(&f, child_of_all_kinds);
		measure(&f, names[i], out);
		if (measured(out)) {
			g = table_find(out[TABLE_group_share], 0);
			other = table_find(out[TABLE_group_share], 1);
			assert_true(g->processes == 2 && g->measured == 2);
			/*
			 * Each has MiB of its own; half of the file that one maps whole is shared.
			 */
			assert_in_range(g->exclusive_bytes, g->uss_bytes, g->pss_bytes);
			assert_in_range(
				g->shared_bytes, BIG_MIB * MIB, (BIG_MIB + OTHERS_MIB) * MIB);
			assert_in_range(g->shared_bytes + SLACK, other->shared_bytes - MIB,
				other->shared_bytes + 2 * MIB);
			assert_in_range(
				g->page_tables_bytes, 4096 * 8, (SANITIZED ? OTHERS_MIB : 1) * MIB);
		}
		drop_tables(out);
		stop(&f);
	}
}

static int sleep_on(void *arg)
{
	char c;

	return (int)read(*(int *)arg, &c, 1);
}

/* CLONE_VM without a thread: one address space of two processes counts once. */
static void twins(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct table *out[TABLES] = { 0 };
		const struct process_share *mine, *its;
		int go[2];

		assert_int_equal(pipe(go), 0);
		char *stack = map(65536, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		pid_t pid = clone(sleep_on, stack + 65536, CLONE_VM | SIGCHLD, &go[0]);
		const uint64_t keys[] = { member_key(1, (uint64_t)getpid()),
			member_key(1, (uint64_t)pid) };

		assert_true(pid > 0);
		run_source_exact(live, names[i], out, ids, keys, ARRAY_SIZE(keys));
		if (measured(out)) {
			mine = table_find(out[TABLE_process_share], (uint64_t)getpid());
			its = table_find(out[TABLE_process_share], (uint64_t)pid);
			assert_non_null(mine);
			assert_non_null(its);
			if (its->twin == 0) { /* either may be found first */
				assert_int_equal(mine->twin, pid);
				mine = its;
			} else {
				assert_int_equal(its->twin, getpid());
			}
			const struct group_share *g = table_find(out[TABLE_group_share], 1);

			assert_int_equal(g->rss_bytes, mine->rss_bytes);
			assert_true(g->processes == 2 && g->measured == 2);
		}
		drop_tables(out);
		assert_int_equal(write(go[1], "", 1), 1);
		waitpid(pid, NULL, 0);
		close(go[1]);
		close(go[0]);
		munmap(stack, 65536);
	}
}

/* Of two processes one may not be read: what the other has is no exact sum of both. */
static void part(void **state UNUSED)
{
	const uint64_t keys[] = { member_key(1, 10), member_key(1, 11), member_key(2, 12) };
	struct table *out[TABLES] = { [TABLE_group_share] = table_new(schemas[TABLE_group_share]) };
	struct probe p = { .out = out };
	struct shares s;

	p.asked[TABLE_group_share] = keys;
	p.n_asked[TABLE_group_share] = ARRAY_SIZE(keys);
	assert_int_equal(shares_init(&s, &p), 0);
	for (size_t i = 0; i < s.n_groups; i++)
		s.group[i].split = true;
	for (uint64_t pid = 10; pid <= 12; pid += 2) {
		*shares_find(&s, pid) = (struct share){ .pid = pid,
			.group = pid == 10 ? 1 : 2,
			.group_at = pid == 10 ? 0 : 1,
			.measured = true,
			.pss = 4096 };
	}
	assert_int_equal(shares_rows(&s, &p, "1 of 3 denied"), 0);
	const struct group_share *some = table_find(out[TABLE_group_share], 1);
	const struct group_share *all = table_find(out[TABLE_group_share], 2);

	assert_int_equal(out[TABLE_group_share]->lost, 1);
	assert_true(some->measured == 1 && some->processes == 2 && some->pss_bytes == 4096);
	assert_false(row_has(some->has, GROUP_SHARE_pss_error_bytes));
	assert_false(row_has(some->has, GROUP_SHARE_exclusive_bytes));
	assert_true(row_has(all->has, GROUP_SHARE_pss_error_bytes));
	assert_true(row_has(all->has, GROUP_SHARE_exclusive_bytes));
	shares_release(&s);
	drop_tables(out);
}

static void gone(void **state UNUSED)
{
	const uint64_t keys[] = { member_key(1, (uint64_t)getpid()), member_key(2, 4194305) };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct table *out[TABLES] = { 0 };

		run_source_exact(live, names[i], out, ids, keys, ARRAY_SIZE(keys));
		if (measured(out)) {
			const struct group_share *g = table_find(out[TABLE_group_share], 2);

			assert_int_equal(out[TABLE_process_share]->n, 1);
			assert_int_equal(out[TABLE_process_share]->lost, 0);
			assert_true(g && g->processes == 0 && g->measured == 0);
		}
		drop_tables(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(part),
		cmocka_unit_test(all_kinds),
		cmocka_unit_test(huge_pages),
		cmocka_unit_test(groups),
		cmocka_unit_test(twins),
		cmocka_unit_test(gone),
	};

	if (host_open_live(&live) < 0)
		return 1;
	parents = map(MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	touch(parents, MIB, true);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	host_free(live);
	return failed;
}
