/* SPDX-License-Identifier: MIT */
/* page_count against counting each page of each process one by one. */
#include "engine/page_count.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { GROUPS = 4, PROCESSES = 40, LEAVES = 24, PAGES = 1 << 14, SLOTS = 4096, LIMIT = 1 << 26 };

/* What process p maps, as plainly as can be. */
struct world {
	page_key key[PROCESSES][LEAVES][PAGE_LEAF];
	bool block[PROCESSES][LEAVES]; /* one entry for 512 pages */
	bool ignored[PAGES / PAGE_LEAF];
	bool gone[PROCESSES];
	bool hidden; /* those that are gone are not, but cannot be seen */
	uint32_t group[PROCESSES];
	uint32_t pages[PAGES], swap[SLOTS]; /* how often mapped */
	uint32_t by_group[GROUPS][PAGES];
};

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % below;
}

static void fill_run(page_key *key, page_key first, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n && i < PAGE_LEAF; i++)
		key[i] = first + i;
}

/*
 * An object of 8 leaves that many map whole, or half, or with holes, and partly as copies of their
 * own.
 */
static void map_shared(struct world *w, uint32_t p, uint32_t leaf)
{
	page_key *key = w->key[p][leaf];
	page_key first = 512 + leaf % 8 * 512;

	fill_run(key, first, 0, PAGE_LEAF);
	switch (pick(7)) {
	case 0: /* half */
		memset(key + PAGE_LEAF / 2, 0, PAGE_LEAF / 2 * sizeof(*key));
		break;
	case 1: /* copied on write: pages of its own */
		for (uint32_t i = 0; i < 20; i++)
			key[pick(PAGE_LEAF)] = 8192 + p * 150 + pick(150);
		break;
	case 2: /* mapped twice, close by */
		memcpy(key, key + PAGE_LEAF / 2, pick(PAGE_LEAF / 2) * sizeof(*key));
		break;
	case 4: /* holes */
		for (uint32_t i = 0; i < PAGE_LEAF; i++)
			key[i] = pick(20) ? 0 : key[i];
		break;
	case 3: /* swapped out, a part of it like others */
		for (uint32_t i = 0; i < 30; i++)
			key[pick(PAGE_LEAF)] = PAGE_SWAP | (pick(2) ? pick(8) : pick(SLOTS));
		break;
	}
}

static void make_process(struct world *w, uint32_t p)
{
	w->group[p] = pick(GROUPS);
	w->gone[p] = pick(10) == 0;
	for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
		page_key *key = w->key[p][leaf];

		switch (pick(5)) {
		case 0: /* a huge page, mapped by one entry or by 512: both may be of the same */
			fill_run(key, 6144 + 512 * pick(4), 0, PAGE_LEAF);
			w->block[p][leaf] = pick(2);
			break;
		case 1: /* a few pages of its own, perhaps twice */
			fill_run(key, 8192 + p * 150, pick(PAGE_LEAF), pick(40));
			break;
		case 2:
			break;
		default:
			map_shared(w, p, leaf);
		}
	}
}

static void count_plainly(struct world *w)
{
	for (uint32_t p = 0; p < PROCESSES; p++) {
		for (uint32_t i = 0; i < LEAVES * PAGE_LEAF && (!w->gone[p] || w->hidden); i++) {
			page_key key = w->key[p][i / PAGE_LEAF][i % PAGE_LEAF];

			if (key & PAGE_SWAP && w->gone[p])
				continue; /* nobody tells of swap entries */
			if (key & PAGE_SWAP) {
				w->swap[key & ~PAGE_SWAP]++;
			} else if (key &&
				   !(w->block[p][i / PAGE_LEAF] && w->ignored[key / PAGE_LEAF])) {
				w->pages[key]++;
				w->by_group[w->group[p]][key] += !w->gone[p];
			}
		}
	}
}

static struct page_sums plain_sums(const struct world *w, uint32_t p)
{
	struct page_sums s = { 0 };

	for (uint32_t i = 0; i < LEAVES * PAGE_LEAF && !w->gone[p]; i++) {
		page_key key = w->key[p][i / PAGE_LEAF][i % PAGE_LEAF];

		if (key & PAGE_SWAP) {
			s.swap++;
			s.swap_pss += 1.0 / w->swap[key & ~PAGE_SWAP];
		} else if (key && !(w->block[p][i / PAGE_LEAF] && w->ignored[key / PAGE_LEAF])) {
			s.rss++;
			s.uss += w->pages[key] == 1;
			s.pss += 1.0 / w->pages[key];
		}
	}
	return s;
}

static int add_process(struct page_count *c, const struct world *w, uint32_t p)
{
	int space = page_count_space(c, w->group[p]);

	for (uint32_t leaf = 0; leaf < LEAVES; leaf++) {
		const page_key *key = w->key[p][leaf];
		int64_t new_leaf = -1;
		int err = w->block[p][leaf] ? page_count_block(c, key[0], &new_leaf)
					    : page_count_leaf(c, key);

		if (err < 0)
			return err;
		if (new_leaf >= 0 && w->ignored[key[0] / PAGE_LEAF])
			page_count_ignore(c, new_leaf);
	}
	if (w->gone[p])
		page_count_drop(c, space);
	return space;
}

static void same_sums(struct page_sums got, struct page_sums want)
{
	assert_int_equal(got.rss, want.rss);
	assert_int_equal(got.uss, want.uss);
	assert_int_equal(got.swap, want.swap);
	assert_true(fabs(got.pss - want.pss) < 1e-6);
	assert_true(fabs(got.swap_pss - want.swap_pss) < 1e-6);
}

static void same_groups(const struct page_count *c, const struct world *w)
{
	for (uint32_t g = 0; g < GROUPS; g++) {
		uint64_t exclusive = 0, shared = 0;

		for (uint32_t i = 0; i < PAGES; i++) {
			uint32_t mine = w->by_group[g][i];

			exclusive += mine && mine == w->pages[i];
			shared += mine && mine < w->pages[i];
		}
		assert_int_equal(page_count_exclusive(c, g), exclusive);
		assert_int_equal(page_count_shared(c, g), shared);
	}
}

static int fetch(void *arg, page_key first, uint64_t ret_count[PAGE_LEAF])
{
	const struct world *w = arg;

	for (page_key i = 0; i < PAGE_LEAF; i++)
		ret_count[i] = first + i < PAGES ? w->pages[first + i] : 0;
	return 0;
}

static void compare_worlds(bool hidden)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct world *w = test_calloc(1, sizeof(*w));
		struct page_count c;

		random_state = seed;
		w->hidden = hidden;
		w->ignored[6144 / PAGE_LEAF] = true;
		for (uint32_t p = 0; p < PROCESSES; p++)
			make_process(w, p);
		count_plainly(w);
		assert_int_equal(page_count_init(&c, LIMIT), 0);
		for (uint32_t p = 0; p < PROCESSES; p++)
			assert_int_equal(add_process(&c, w, p), p);
		assert_int_equal(page_count_finish(&c, hidden ? fetch : NULL, w), 0);
		for (uint32_t p = 0; p < PROCESSES; p++)
			same_sums(page_count_sums(&c, (int)p), plain_sums(w, p));
		same_groups(&c, w);
		page_count_release(&c);
		test_free(w);
	}
}

static void equals_plain_counting(void **state UNUSED)
{
	compare_worlds(false);
}

static void counts_of_the_kernel_for_what_is_hidden(void **state UNUSED)
{
	compare_worlds(true);
}

/* 600 processes that map the same 100 leaves take no more than one, but for what they refer by. */
static void equal_leaves_are_kept_once(void **state UNUSED)
{
	struct page_count c;
	page_key key[PAGE_LEAF];
	struct page_sums s;

	assert_int_equal(page_count_init(&c, LIMIT), 0);
	for (uint32_t p = 0; p < 600; p++) {
		assert_true(page_count_space(&c, 0) >= 0);
		for (uint32_t leaf = 0; leaf < 100; leaf++) {
			for (uint32_t i = 0; i < PAGE_LEAF; i++)
				key[i] = (leaf + 1) * 1000 + i * 7 % 1000;
			assert_int_equal(page_count_leaf(&c, key), 0);
		}
	}
	assert_true(c.n_leaves == 100);
	assert_true(c.used_bytes < 1200 * 1024);
	assert_int_equal(page_count_finish(&c, NULL, NULL), 0);
	s = page_count_sums(&c, 599);
	assert_int_equal(s.rss, 51200);
	assert_int_equal(s.uss, 0);
	assert_true(fabs(s.pss - 51200 / 600.0) < 1e-6);
	page_count_release(&c);
}

/* Of a process that maps what the one before mapped, each leaf but the first is foretold. */
static void leaves_are_guessed(void **state UNUSED)
{
	struct page_count c;
	enum { HOLE = 300 };
	page_key key[PAGE_LEAF] = { 0 };
	struct page_guess guess;
	size_t guessed = 0;

	assert_int_equal(page_count_init(&c, LIMIT), 0);
	for (uint32_t p = 0; p < 3; p++) {
		assert_true(page_count_space(&c, 0) >= 0);
		for (uint32_t leaf = 0; leaf < 10; leaf++) {
			for (uint32_t i = leaf; i < PAGE_LEAF - 1; i++)
				key[i] = (leaf + 1) * 1000 + i;
			key[leaf ? leaf - 1 : PAGE_LEAF - 1] = 0;
			key[HOLE] = leaf % 2 ? 0 : key[HOLE];
			if (!page_count_guess(&c, &guess)) {
				assert_int_equal(page_count_leaf(&c, key), 0);
				continue;
			}
			assert_true(guess.from == leaf && guess.to == PAGE_LEAF - 1);
			assert_int_equal(guess.dense, leaf % 2 == 0);
			assert_memory_equal(guess.key, key + guess.from,
				(guess.to - guess.from) * sizeof(*key));
			assert_int_equal(page_count_guessed(&c), 0);
			guessed++;
		}
	}
	assert_int_equal(guessed, 2 * 9);
	assert_int_equal(page_count_finish(&c, NULL, NULL), 0);
	for (int p = 0; p < 3; p++) {
		struct page_sums s = page_count_sums(&c, p);

		assert_int_equal(s.rss, 10 * (PAGE_LEAF - 1) - 45 - 5);
		assert_true(s.uss == 0 && fabs(s.pss - (double)s.rss / 3) < 1e-6);
	}
	page_count_release(&c);
}

static void memory_is_bounded(void **state UNUSED)
{
	struct page_count c;
	page_key key[PAGE_LEAF];
	int err = 0;

	assert_int_equal(page_count_init(&c, 1 << 20), 0);
	assert_true(page_count_space(&c, 0) >= 0);
	for (uint32_t leaf = 0; leaf < 1000 && err == 0; leaf++) {
		for (uint32_t i = 0; i < PAGE_LEAF; i++)
			key[i] = (leaf + 1) * PAGE_LEAF + i;
		err = page_count_leaf(&c, key);
	}
	assert_int_equal(err, -EFBIG);
	assert_true(c.used_bytes <= 1 << 20);
	page_count_release(&c);
}

static void nothing_is_nothing(void **state UNUSED)
{
	struct page_count c;
	const page_key key[PAGE_LEAF] = { 0 };

	assert_int_equal(page_count_init(&c, LIMIT), 0);
	assert_int_equal(page_count_space(&c, 2), 0);
	assert_int_equal(page_count_leaf(&c, key), 0);
	assert_int_equal(page_count_finish(&c, NULL, NULL), 0);
	same_sums(page_count_sums(&c, 0), (struct page_sums){ 0 });
	assert_int_equal(page_count_exclusive(&c, 2), 0);
	assert_int_equal(page_count_exclusive(&c, 7), 0);
	page_count_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_plain_counting),
		cmocka_unit_test(counts_of_the_kernel_for_what_is_hidden),
		cmocka_unit_test(equal_leaves_are_kept_once),
		cmocka_unit_test(leaves_are_guessed),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
