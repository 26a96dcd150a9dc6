/* SPDX-License-Identifier: MIT */
#include "engine/page_count_private.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

bool page_count_may_take(struct page_count *c, size_t bytes)
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
	if (!page_count_may_take(c, more * each))
		return -EFBIG;
	void *at = mem_resize(*list, *size + more, each);

	if (!at)
		return -ENOMEM;
	*list = at;
	*size += more;
	return 0;
}

int page_count_take(struct page_count *c, size_t bytes, void **ret_at)
{
	if (!page_count_may_take(c, bytes))
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
	c->last = 0;
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
	if (c->last)
		c->leaf[c->last - 1].next = (uint32_t)leaf + 1;
	c->last = (uint32_t)leaf + 1;
	c->space[c->n_spaces - 1].n++;
	return 0;
}

/* A hash of all that vectors can compute. */
static uint64_t VECTOR hash_of(
	const uint32_t weight[restrict PAGE_LEAF], const page_key key[restrict PAGE_LEAF])
{
	uint64_t hash = 0;

	for (size_t i = 0; i < PAGE_LEAF; i++)
		hash += (uint64_t)key[i] * weight[i];
	return hash;
}

static uint32_t VECTOR count_of(const page_key key[PAGE_LEAF])
{
	uint32_t n = 0;

	for (size_t i = 0; i < PAGE_LEAF; i++)
		n += key[i] != 0;
	return n;
}

static page_key VECTOR any_of(const page_key *key, size_t n)
{
	page_key any = 0;

	for (size_t i = 0; i < n; i++)
		any |= key[i];
	return any;
}

/* Is the leaf just that? */
static bool equal(const struct page_leaf *l, const page_key key[PAGE_LEAF])
{
	page_key differ = 0;

	if (!l->key)
		return false;
	if (!l->index)
		return memcmp(l->key, key + l->from, (l->to - l->from) * sizeof(*key)) == 0 &&
		       any_of(key, l->from) == 0 && any_of(key + l->to, PAGE_LEAF - l->to) == 0;
	for (uint32_t i = 0; i < l->n; i++)
		differ |= key[l->index[i]] ^ l->key[i];
	return differ == 0 && count_of(key) == l->n;
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
	if (!page_count_may_take(c, n * sizeof(*c->slot)))
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

static int keep_span(struct page_count *c, struct page_leaf *l, const page_key key[PAGE_LEAF])
{
	size_t bytes = (size_t)(l->to - l->from) * sizeof(*key);
	void *at;
	int err = page_count_take(c, bytes, &at);

	if (err < 0)
		return err;
	memcpy(at, key + l->from, bytes);
	l->key = at;
	return 0;
}

/* Keep the keys of a new leaf, which has n of them. */
static int keep(struct page_count *c, struct page_leaf *l, const page_key key[PAGE_LEAF])
{
	void *at;

	for (l->from = 0; !key[l->from];)
		l->from++;
	for (l->to = PAGE_LEAF; !key[l->to - 1];)
		l->to--;
	if (l->n >= (uint32_t)(l->to - l->from) / 2)
		return keep_span(c, l, key);
	int err = page_count_take(c, l->n * (sizeof(*key) + sizeof(*l->index)), &at);

	if (err < 0)
		return err;
	page_key *some = at;
	uint16_t *index = (uint16_t *)(some + l->n);
	uint32_t n = 0;

	for (uint16_t i = l->from; i < l->to; i++) {
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

/* The leaf that came after the last one in the space before, + 1. */
static uint32_t guess_of(const struct page_count *c)
{
	return c->last ? c->leaf[c->last - 1].next : 0;
}

bool page_count_guess(const struct page_count *c, struct page_guess *ret_guess)
{
	uint32_t guess = guess_of(c);
	const struct page_leaf *l = guess ? &c->leaf[guess - 1] : NULL;

	if (!l || !l->key || l->index)
		return false;
	*ret_guess = (struct page_guess){ .key = l->key,
		.from = l->from,
		.to = l->to,
		.dense = l->n == (uint32_t)(l->to - l->from) };
	return true;
}

int page_count_guessed(struct page_count *c)
{
	return refer(c, guess_of(c) - 1);
}

int page_count_leaf(struct page_count *c, const page_key key[PAGE_LEAF])
{
	uint32_t guess = guess_of(c);
	struct page_leaf like = { 0 };
	int64_t new_leaf;

	if (guess && equal(&c->leaf[guess - 1], key))
		return refer(c, guess - 1);
	like.n = count_of(key);
	if (like.n == 0)
		return 0;
	like.hash = hash_of(c->weight, key);
	return intern(c, &like, key, &new_leaf);
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
