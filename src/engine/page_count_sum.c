/* SPDX-License-Identifier: MIT */
#include "engine/page_count_private.h"

#include "base/mem.h"

#include <errno.h>

static uint32_t join_owners(uint32_t a, uint32_t b)
{
	return a == 0 || a == b ? b : SEVERAL;
}

static void count_refs(struct page_count *c)
{
	for (size_t i = 0; i < c->n_spaces; i++) {
		const struct page_space *s = &c->space[i];

		for (size_t k = 0; k < s->n && !s->dropped; k++) {
			struct page_leaf *l = &c->leaf[c->ref[s->first + k]];

			l->refs += !l->ignored;
			l->owner = join_owners(l->owner, s->group + 1);
		}
	}
}

/*
 * What the leaf maps, *ret_n of them, some of which may be 0. buf is for those that are not kept.
 */
static const page_key *keys_of(const struct page_leaf *l, page_key buf[PAGE_LEAF], size_t *ret_n)
{
	*ret_n = l->index ? l->n : l->key ? (size_t)(l->to - l->from) : PAGE_LEAF;
	if (l->key)
		return l->key;
	for (uint32_t i = 0; i < PAGE_LEAF; i++)
		buf[i] = l->first + i;
	return buf;
}

/* The counters of the key and its neighbours, NULL when there are none. */
static struct page_block *block_at(const struct page_count *c, page_key key)
{
	struct page_block **block = c->part[key / PAGE_LEAF / PART_BLOCKS].block;

	return block ? block[key / PAGE_LEAF % PART_BLOCKS] : NULL;
}

static int block_make(struct page_count *c, page_key key, struct page_block **ret_block)
{
	struct page_part *part = &c->part[key / PAGE_LEAF / PART_BLOCKS];
	void *at;

	*ret_block = block_at(c, key);
	if (*ret_block)
		return 0;
	if (!part->block) {
		if (!page_count_may_take(c, PART_BLOCKS * sizeof(*part->block)))
			return -EFBIG;
		part->block = mem_new(PART_BLOCKS, sizeof(*part->block));
		if (!part->block)
			return -ENOMEM;
	}
	int err = page_count_take(c, sizeof(struct page_block), &at);

	if (err == 0)
		*ret_block = part->block[key / PAGE_LEAF % PART_BLOCKS] = at;
	return err;
}

static uint32_t top_of(struct page_count *c, uint32_t leaf)
{
	while (c->leaf[leaf].kin != leaf) {
		c->leaf[leaf].kin = c->leaf[c->leaf[leaf].kin].kin;
		leaf = c->leaf[leaf].kin;
	}
	return leaf;
}

static int count_leaf(struct page_count *c, uint32_t number)
{
	const struct page_leaf *l = &c->leaf[number];
	page_key buf[PAGE_LEAF], at = 0;
	size_t n;
	const page_key *key = keys_of(l, buf, &n);
	struct page_block *block = NULL;
	uint32_t other = number;

	for (size_t i = 0; i < n; i++) {
		page_key k = key[i] % PAGE_LEAF;

		if (key[i] == 0)
			continue;
		if (!block || key[i] / PAGE_LEAF != at) {
			int err = block_make(c, key[i], &block);

			if (err < 0)
				return err;
			at = key[i] / PAGE_LEAF;
		}
		block->count[k] += l->refs;
		block->owner[k] = join_owners(block->owner[k], l->owner);
		if (block->leaf[k] == number + 1) {
			c->leaf[number].twice = true;
		} else if (block->leaf[k] && block->leaf[k] - 1 != other) {
			other = block->leaf[k] - 1;
			c->leaf[top_of(c, other)].kin = top_of(c, number);
		}
		block->leaf[k] = number + 1;
	}
	return 0;
}

static void sum_leaf(const struct page_count *c, struct page_leaf *l)
{
	page_key buf[PAGE_LEAF], at = 0;
	size_t n;
	const page_key *key = keys_of(l, buf, &n);
	const struct page_block *block = NULL;

	for (size_t i = 0; i < n; i++) {
		if (key[i] == 0)
			continue;
		if (!block || key[i] / PAGE_LEAF != at) {
			block = block_at(c, key[i]);
			at = key[i] / PAGE_LEAF;
		}
		uint32_t count = block->count[key[i] % PAGE_LEAF];
		double part = count == 1 ? 1 : 1.0 / count;

		if (key[i] & PAGE_SWAP) {
			l->swap++;
			l->swap_pss += part;
			continue;
		}
		l->rss++;
		l->pss += part;
		l->uss += count == 1;
		l->several += block->owner[key[i] % PAGE_LEAF] >= SEVERAL;
	}
}

static void sum_exclusive(struct page_count *c)
{
	for (page_key part = 0; part < PARTS / 2; part++) {
		for (size_t b = 0; c->part[part].block && b < PART_BLOCKS; b++) {
			const struct page_block *block = c->part[part].block[b];

			for (size_t i = 0; block && i < PAGE_LEAF; i++) {
				if (block->owner[i] && block->owner[i] < SEVERAL)
					c->exclusive[block->owner[i] - 1]++;
			}
		}
	}
}

/* The pages of the leaf that others map too, but those that the group has by another leaf. */
static uint64_t shared_first(const struct page_count *c, const struct page_leaf *l, uint32_t group)
{
	page_key buf[PAGE_LEAF];
	uint64_t shared = 0;
	size_t n;
	const page_key *key = keys_of(l, buf, &n);

	for (size_t i = 0; i < n; i++) {
		if (key[i] == 0 || key[i] & PAGE_SWAP)
			continue;
		uint32_t *owner = &block_at(c, key[i])->owner[key[i] % PAGE_LEAF];

		if (*owner < SEVERAL || *owner == (SEVERAL | (group + 1)))
			continue;
		*owner = SEVERAL | (group + 1);
		shared++;
	}
	return shared;
}

/*
 * Of each tree of leaves: has the group one leaf in it, or several, which may have pages in common?
 */
static void see_leaves(struct page_count *c, const struct page_space *s)
{
	for (size_t k = 0; k < s->n && !s->dropped; k++) {
		uint32_t leaf = c->ref[s->first + k];
		struct page_leaf *top = &c->leaf[top_of(c, leaf)];

		if (top->seen != s->group + 1)
			top->only = leaf;
		else if (top->only != leaf)
			top->only = NONE;
		top->seen = s->group + 1;
	}
}

static void sum_shared(struct page_count *c, const struct page_space *s)
{
	for (size_t k = 0; k < s->n && !s->dropped; k++) {
		uint32_t leaf = c->ref[s->first + k];
		struct page_leaf *l = &c->leaf[leaf], *top = &c->leaf[top_of(c, leaf)];

		if (l->counted == s->group + 1 || !l->several)
			continue;
		l->counted = s->group + 1;
		c->shared[s->group] +=
			top->only == leaf ? l->several : shared_first(c, l, s->group);
	}
}

/* Group by group, as a page remembers only the last that has counted it. */
static int sum_groups(struct page_count *c)
{
	auto_free size_t *first = mem_new(c->n_groups + 1, sizeof(*first));
	auto_free uint32_t *order = mem_new(c->n_spaces + 1, sizeof(*order));

	c->exclusive = mem_new(c->n_groups + 1, sizeof(*c->exclusive));
	c->shared = mem_new(c->n_groups + 1, sizeof(*c->shared));
	if (!first || !order || !c->exclusive || !c->shared)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_spaces; i++)
		first[c->space[i].group + 1]++;
	for (size_t g = 1; g <= c->n_groups; g++)
		first[g] += first[g - 1];
	for (size_t i = 0; i < c->n_spaces; i++)
		order[first[c->space[i].group]++] = (uint32_t)i;
	sum_exclusive(c);
	for (size_t from = 0, to; from < c->n_spaces; from = to) {
		uint32_t group = c->space[order[from]].group;

		for (to = from; to < c->n_spaces && c->space[order[to]].group == group; to++)
			see_leaves(c, &c->space[order[to]]);
		for (size_t i = from; i < to; i++)
			sum_shared(c, &c->space[order[i]]);
	}
	return 0;
}

/* What is mapped more often than was seen somebody else has, who belongs to no group. */
static void add_unseen(struct page_block *block, const uint64_t count[PAGE_LEAF])
{
	for (size_t i = 0; i < PAGE_LEAF; i++) {
		if (block->owner[i] == 0 || count[i] <= block->count[i])
			continue;
		block->count[i] = count[i] < UINT32_MAX ? (uint32_t)count[i] : UINT32_MAX;
		block->owner[i] = SEVERAL;
	}
}

static int fetch_all(struct page_count *c,
	int (*fetch)(void *arg, page_key first, uint64_t ret_count[PAGE_LEAF]), void *arg)
{
	uint64_t count[PAGE_LEAF];

	for (size_t part = 0; part < PARTS / 2; part++) {
		for (size_t b = 0; c->part[part].block && b < PART_BLOCKS; b++) {
			struct page_block *block = c->part[part].block[b];
			page_key first = (page_key)((part * PART_BLOCKS + b) * PAGE_LEAF);
			int err = block ? fetch(arg, first, count) : 0;

			if (err < 0)
				return err;
			if (block)
				add_unseen(block, count);
		}
	}
	return 0;
}

int page_count_finish(struct page_count *c,
	int (*fetch)(void *arg, page_key first, uint64_t ret_count[PAGE_LEAF]), void *arg)
{
	int err = 0;

	count_refs(c);
	for (uint32_t i = 0; i < c->n_leaves && err == 0; i++) {
		c->leaf[i].kin = i;
		if (c->leaf[i].refs)
			err = count_leaf(c, i);
	}
	if (err == 0 && fetch)
		err = fetch_all(c, fetch, arg);
	for (size_t i = 0; i < c->n_leaves && err == 0; i++) {
		if (c->leaf[i].refs)
			sum_leaf(c, &c->leaf[i]);
	}
	return err < 0 ? err : sum_groups(c);
}

struct page_sums page_count_sums(const struct page_count *c, int space)
{
	const struct page_space *s = &c->space[space];
	struct page_sums sums = { 0 };

	for (size_t k = 0; k < s->n && !s->dropped; k++) {
		const struct page_leaf *l = &c->leaf[c->ref[s->first + k]];

		sums.rss += l->rss;
		sums.uss += l->uss;
		sums.swap += l->swap;
		sums.pss += l->pss;
		sums.swap_pss += l->swap_pss;
	}
	return sums;
}

uint64_t page_count_exclusive(const struct page_count *c, uint32_t group)
{
	return group < c->n_groups ? c->exclusive[group] : 0;
}

uint64_t page_count_shared(const struct page_count *c, uint32_t group)
{
	return group < c->n_groups ? c->shared[group] : 0;
}
