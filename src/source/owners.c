/* SPDX-License-Identifier: MIT */
#include "source/owners.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>

struct owner {
	uint64_t pid, fd; /* the lowest process */
	uint64_t last;    /* counted last */
	uint64_t holders;
};

void owners_release(struct owners *o)
{
	free(o->found);
	free(o->slot);
	*o = (struct owners){ 0 };
}

/* Inodes are numbered as they come: their low bits spread well, in blocks of the CPUs. */
static size_t slot_of(const struct owners *o, uint64_t inode)
{
	return (size_t)(inode * UINT64_C(0x9e3779b97f4a7c15) >> o->shift);
}

static void fill_slots(struct owners *o)
{
	for (size_t i = 0; i < o->n; i++) {
		size_t at = slot_of(o, o->inode[i]);

		while (o->slot[at])
			at = (at + 1) & (o->n_slots - 1);
		o->slot[at] = (uint32_t)i + 1;
	}
}

static struct owner *owner_of(struct owners *o, uint64_t inode)
{
	for (size_t at = slot_of(o, inode); o->n && o->slot[at]; at = (at + 1) & (o->n_slots - 1)) {
		if (o->inode[o->slot[at] - 1] == inode)
			return &o->found[o->slot[at] - 1];
	}
	return NULL;
}

int owners_init(struct owners *o, const struct probe *p)
{
	*o = (struct owners){ .inode = p->asked[TABLE_socket_owner],
		.n = p->n_asked[TABLE_socket_owner],
		.n_slots = 2,
		.shift = 63 };
	if (o->n == 0)
		return 0;
	if (o->n >= UINT32_MAX / 4)
		return -ENOMEM;
	while (o->n_slots < 2 * o->n) {
		o->n_slots *= 2;
		o->shift--;
	}
	o->found = mem_new(o->n, sizeof(*o->found));
	o->slot = mem_new(o->n_slots, sizeof(*o->slot));
	if (!o->found || !o->slot)
		return -ENOMEM;
	fill_slots(o);
	return 0;
}

void owners_add(struct owners *o, uint64_t inode, uint64_t pid, uint64_t fd)
{
	struct owner *w = owner_of(o, inode);

	if (!w)
		return;
	if (w->holders == 0 || pid < w->pid) {
		w->pid = pid;
		w->fd = fd;
	}
	if (w->holders == 0 || pid != w->last)
		w->holders++;
	w->last = pid;
}

int owners_rows(const struct owners *o, struct table *t, bool whole, enum state why_not)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->found[i].holders == 0)
			continue;
		struct socket_owner *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, SOCKET_OWNER_inode, o->inode[i]);
		row_put(t->schema, row, SOCKET_OWNER_pid, o->found[i].pid);
		row_put(t->schema, row, SOCKET_OWNER_fd, o->found[i].fd);
		if (whole)
			row_put(t->schema, row, SOCKET_OWNER_holders, o->found[i].holders);
	}
	if (!whole)
		t->cell[SOCKET_OWNER_holders] = (uint8_t)why_not;
	return 0;
}
