/* SPDX-License-Identifier: MIT */
#include "engine/page_count.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

/*
 * A leaf of fewer pages is kept as pairs of an index and a key: most are, those of shared
 * libraries, stacks, and what malloc() takes from the kernel.
 */
enum { DENSE_MIN = PAGE_LEAF / 2 };

struct page_leaf {
	uint64_t hash;
	const page_key *key;   /* NULL: the 512 pages from first on */
	const uint16_t *index; /* of n keys; NULL: key has all 512 */
	page_key first;
	uint32_t n;       /* keys but 0 */
	uint32_t refs;    /* of spaces, in all */
	uint32_t owner;   /* as of a page */
	uint32_t counted; /* the group that saw it last, + 1 */
	uint32_t rss, uss, swap;
	uint32_t several; /* of rss: those that more than one group maps */
	bool ignored;
	double pss, swap_pss;
};

struct page_space {
	uint32_t group;
	bool dropped;
	size_t first, n; /* its refs */
};

/* Counters of 512 neighbouring keys. */
struct page_block {
	uint32_t count[PAGE_LEAF];
	uint32_t owner
		[PAGE_LEAF]; /* the only group that maps it + 1, or SEVERAL | who looked last */
};

enum { PARTS = 1 << 10, PART_BLOCKS = 1 << 13 };

struct page_part {
	struct page_block **block;
};

#define SEVERAL UINT32_C(0x80000000)

static bool may_take(struct page_count *c, size_t bytes)
{
	if (bytes > c->limit_bytes - c->used_bytes)
		return false;
	c->used_bytes += bytes;
	return true;
}

/* Room for one more of *list. 0, -ENOMEM or -EFBIG. */
static int grow(struct page_count *c, void **list, size_t n, size_t *size, size_t each)
{
	size_t more = *size ? *size : 256;

	if (n < *size)
		return 0;
	if (!may_take(c, more * each))
		return -EFBIG;
	void *at = mem_resize(*list, *size + more, each);

	if (!at)
		return -ENOMEM;
	*list = at;
	*size += more;
	return 0;
}

static int take(struct page_count *c, size_t bytes, void **ret_at)
{
	if (!may_take(c, bytes))
		return -EFBIG;
	*ret_at = arena_new(&c->arena, bytes);
	return *ret_at ? 0 : -ENOMEM;
}

/* Sebastiano Vigna's splitmix64: any odd numbers without a pattern do. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

int page_count_init(struct page_count *c, size_t limit_bytes)
{
	uint64_t seed = 1;

	memset(c, 0, sizeof(*c));
	c->limit_bytes = limit_bytes;
	for (size_t i = 0; i < PAGE_LEAF; i++)
		c->weight[i] = (uint32_t)next_random(&seed) | 1;
	c->n_slots = 4096;
	c->slot = mem_new(c->n_slots, sizeof(*c->slot));
	c->part = mem_new(PARTS, sizeof(*c->part));
	if (c->slot && c->part)
		return 0;
	page_count_release(c);
	return -ENOMEM;
}

void page_count_release(struct page_count *c)
{
	for (size_t i = 0; c->part && i < PARTS; i++)
		free(c->part[i].block);
	free(c->leaf);
	free(c->slot);
	free(c->ref);
	free(c->space);
	free(c->part);
	free(c->exclusive);
	free(c->shared);
	arena_release(&c->arena);
	memset(c, 0, sizeof(*c));
}

int page_count_space(struct page_count *c, uint32_t group)
{
	int err = grow(c, (void **)&c->space, c->n_spaces, &c->spaces_size, sizeof(*c->space));

	if (err < 0)
		return err;
	c->space[c->n_spaces] = (struct page_space){ .group = group, .first = c->n_refs };
	if (group >= c->n_groups)
		c->n_groups = (size_t)group + 1;
	return (int)c->n_spaces++;
}

static int refer(struct page_count *c, size_t leaf)
{
	int err = grow(c, (void **)&c->ref, c->n_refs, &c->refs_size, sizeof(*c->ref));

	if (err < 0)
		return err;
	c->ref[c->n_refs++] = (uint32_t)leaf;
	c->space[c->n_spaces - 1].n++;
	return 0;
}

/* The number of entries that are not 0, and a hash of all that vectors can compute. */
static uint32_t digest(
	const struct page_count *c, const page_key key[PAGE_LEAF], uint64_t *ret_hash)
{
	uint64_t hash = 0;
	uint32_t n = 0;

	for (size_t i = 0; i < PAGE_LEAF; i++) {
		hash += (uint64_t)key[i] * c->weight[i];
		n += key[i] != 0;
	}
	*ret_hash = hash;
	return n;
}

static bool equal(const struct page_leaf *l, const page_key key[PAGE_LEAF])
{
	if (!l->key)
		return false;
	if (!l->index)
		return memcmp(l->key, key, PAGE_LEAF * sizeof(*key)) == 0;
	for (uint32_t i = 0; i < l->n; i++) {
		if (key[l->index[i]] != l->key[i])
			return false;
	}
	return true;
}

static size_t slot_of(const struct page_count *c, uint64_t hash)
{
	return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (c->n_slots - 1);
}

/* The slot of the leaf, or the free one where it belongs. key NULL: a block. */
static uint32_t *find(const struct page_count *c, uint64_t hash, uint32_t n, const page_key *key)
{
	for (size_t i = slot_of(c, hash);; i = (i + 1) & (c->n_slots - 1)) {
		const struct page_leaf *l = c->slot[i] ? &c->leaf[c->slot[i] - 1] : NULL;

		if (!l || (l->hash == hash && l->n == n && (key ? equal(l, key) : !l->key)))
			return &c->slot[i];
	}
}

static int grow_slots(struct page_count *c)
{
	size_t n = c->n_slots * 2;

	if (c->n_leaves < c->n_slots / 2)
		return 0;
	if (!may_take(c, n * sizeof(*c->slot)))
		return -EFBIG;
	uint32_t *slot = mem_new(n, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	c->used_bytes -= c->n_slots * sizeof(*slot);
	free(c->slot);
	c->slot = slot;
	c->n_slots = n;
	for (size_t k = 0; k < c->n_leaves; k++) {
		size_t i = slot_of(c, c->leaf[k].hash);

		while (slot[i])
			i = (i + 1) & (n - 1);
		slot[i] = (uint32_t)k + 1;
	}
	return 0;
}

/* Keep the keys of a new leaf, which has n of them. */
static int keep(struct page_count *c, struct page_leaf *l, const page_key key[PAGE_LEAF])
{
	void *at;

	if (l->n >= DENSE_MIN) {
		int err = take(c, PAGE_LEAF * sizeof(*key), &at);

		if (err < 0)
			return err;
		memcpy(at, key, PAGE_LEAF * sizeof(*key));
		l->key = at;
		return 0;
	}
	int err = take(c, l->n * (sizeof(*key) + sizeof(*l->index)), &at);

	if (err < 0)
		return err;
	page_key *some = at;
	uint16_t *index = (uint16_t *)(some + l->n);
	uint32_t n = 0;

	for (uint16_t i = 0; i < PAGE_LEAF; i++) {
		if (key[i]) {
			some[n] = key[i];
			index[n++] = i;
		}
	}
	l->key = some;
	l->index = index;
	return 0;
}

/* Refer to the leaf like this one, which is made if there is none; then *ret_new is set. */
static int intern(
	struct page_count *c, const struct page_leaf *like, const page_key *key, int64_t *ret_new)
{
	uint32_t *slot = find(c, like->hash, like->n, key);

	if (*slot)
		return refer(c, *slot - 1);
	int err = grow(c, (void **)&c->leaf, c->n_leaves, &c->leaves_size, sizeof(*c->leaf));

	if (err < 0)
		return err;
	struct page_leaf *l = &c->leaf[c->n_leaves];

	*l = *like;
	err = key ? keep(c, l, key) : 0;
	if (err < 0)
		return err;
	*slot = (uint32_t)++c->n_leaves;
	*ret_new = (int64_t)c->n_leaves - 1;
	err = refer(c, c->n_leaves - 1);
	return err < 0 ? err : grow_slots(c);
}

int page_count_leaf(struct page_count *c, const page_key key[PAGE_LEAF])
{
	struct page_leaf like = { 0 };
	int64_t new_leaf;

	like.n = digest(c, key, &like.hash);
	return like.n ? intern(c, &like, key, &new_leaf) : 0;
}

int page_count_block(struct page_count *c, page_key first, int64_t *ret_new_leaf)
{
	/* Its first page is all that it is found by. */
	struct page_leaf like = { .hash = first, .first = first, .n = PAGE_LEAF };

	*ret_new_leaf = -1;
	return intern(c, &like, NULL, ret_new_leaf);
}

void page_count_ignore(struct page_count *c, int64_t leaf)
{
	c->leaf[leaf].ignored = true;
}

void page_count_drop(struct page_count *c, int space)
{
	c->space[space].dropped = true;
}

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
	*ret_n = l->index ? l->n : PAGE_LEAF;
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
		if (!may_take(c, PART_BLOCKS * sizeof(*part->block)))
			return -EFBIG;
		part->block = mem_new(PART_BLOCKS, sizeof(*part->block));
		if (!part->block)
			return -ENOMEM;
	}
	int err = take(c, sizeof(struct page_block), &at);

	if (err == 0)
		*ret_block = part->block[key / PAGE_LEAF % PART_BLOCKS] = at;
	return err;
}

static int count_leaf(struct page_count *c, const struct page_leaf *l)
{
	page_key buf[PAGE_LEAF];
	size_t n;
	const page_key *key = keys_of(l, buf, &n);
	struct page_block *block = NULL;
	page_key at = 0;

	for (size_t i = 0; i < n; i++) {
		if (key[i] == 0)
			continue;
		if (!block || key[i] / PAGE_LEAF != at) {
			int err = block_make(c, key[i], &block);

			if (err < 0)
				return err;
			at = key[i] / PAGE_LEAF;
		}
		uint32_t *owner = &block->owner[key[i] % PAGE_LEAF];

		block->count[key[i] % PAGE_LEAF] += l->refs;
		*owner = join_owners(*owner, l->owner);
	}
	return 0;
}

static void sum_leaf(const struct page_count *c, struct page_leaf *l)
{
	page_key buf[PAGE_LEAF];
	size_t n;
	const page_key *key = keys_of(l, buf, &n);

	for (size_t i = 0; i < n; i++) {
		if (key[i] == 0)
			continue;
		const struct page_block *block = block_at(c, key[i]);
		uint32_t count = block->count[key[i] % PAGE_LEAF];

		if (key[i] & PAGE_SWAP) {
			l->swap++;
			l->swap_pss += 1.0 / count;
			continue;
		}
		l->rss++;
		l->pss += 1.0 / count;
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

static void sum_shared(struct page_count *c, const struct page_space *s)
{
	for (size_t k = 0; k < s->n && !s->dropped; k++) {
		struct page_leaf *l = &c->leaf[c->ref[s->first + k]];

		if (l->several && l->counted != s->group + 1)
			c->shared[s->group] += shared_first(c, l, s->group);
		l->counted = s->group + 1;
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
	for (size_t i = 0; i < c->n_spaces; i++)
		sum_shared(c, &c->space[order[i]]);
	return 0;
}

int page_count_finish(struct page_count *c)
{
	int err = 0;

	count_refs(c);
	for (size_t i = 0; i < c->n_leaves && err == 0; i++) {
		if (c->leaf[i].refs)
			err = count_leaf(c, &c->leaf[i]);
	}
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
