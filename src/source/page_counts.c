/* SPDX-License-Identifier: MIT */
#include "source/page_counts.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST_SLOTS = 4096 };

int page_counts_run(const struct page_counts *c, uint64_t frame, size_t n, uint64_t *ret_maps)
{
	size_t size = n * sizeof(*ret_maps);
	ssize_t got = pread(c->fd, ret_maps, size, (off_t)(frame * sizeof(*ret_maps)));

	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -ENODATA;
}

/* Its slot, or a free one; NULL: there are none yet. */
static struct page_seen *find(const struct page_counts *c, uint64_t frame)
{
	size_t mask = c->slots - 1, i = (size_t)(frame * 0x9e3779b97f4a7c15u >> 32) & mask;

	if (c->slots == 0)
		return NULL;
	while (c->slot[i].frame != 0 && c->slot[i].frame != frame + 1)
		i = (i + 1) & mask;
	return &c->slot[i];
}

/* Room for one more: half of the slots stay free. False when there is none. */
static bool grow(struct page_counts *c)
{
	struct page_seen *was = c->slot, *more;
	size_t slots = c->slots;

	if (c->n * 2 < slots)
		return true;
	if (slots >= PAGE_COUNTS_SLOTS)
		return false;
	c->slots = slots ? slots * 2 : FIRST_SLOTS;
	more = mem_new(c->slots, sizeof(*more));
	if (!more) {
		c->slots = slots;
		return false;
	}
	c->slot = more;
	for (size_t i = 0; i < slots; i++) {
		if (was[i].frame != 0)
			*find(c, was[i].frame - 1) = was[i];
	}
	free(was);
	return true;
}

static void add(struct page_counts *c, uint64_t frame, uint32_t maps, uint32_t group)
{
	if (!grow(c))
		return;
	*find(c, frame) = (struct page_seen){ frame + 1, maps, group, group, 1 };
	c->n++;
}

/* One more of group has it. */
static void touch(struct page_counts *c, struct page_seen *s, uint32_t group)
{
	if (s->group == group) {
		s->touches += s->touches > 0;
		return;
	}
	if (s->touches > 0)
		c->common[s->group]++;
	s->touches = 0;
	if (s->last != group)
		c->common[group]++;
	s->last = group;
}

void page_counts_note(struct page_counts *c, uint64_t frame, uint32_t maps, uint32_t group)
{
	struct page_seen *s = find(c, frame);

	if (s && s->frame != 0)
		touch(c, s, group);
	else
		add(c, frame, maps, group);
}

bool page_counts_of(struct page_counts *c, uint64_t frame, uint32_t group, uint32_t *ret_maps)
{
	struct page_seen *s = find(c, frame);

	if (!s || s->frame == 0)
		return false;
	touch(c, s, group);
	*ret_maps = s->maps;
	return true;
}

void page_counts_release(struct page_counts *c)
{
	free(c->slot);
	c->slot = NULL;
	c->slots = c->n = 0;
}
