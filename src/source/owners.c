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

int owners_init(struct owners *o, const struct probe *p)
{
	o->inode = p->asked[TABLE_socket_owner];
	o->n = p->n_asked[TABLE_socket_owner];
	o->found = o->n ? mem_new(o->n, sizeof(*o->found)) : NULL;
	return o->n && !o->found ? -ENOMEM : 0;
}

void owners_release(struct owners *o)
{
	free(o->found);
	*o = (struct owners){ 0 };
}

static struct owner *owner_of(struct owners *o, uint64_t inode)
{
	size_t low = 0, high = o->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (o->inode[mid] < inode)
			low = mid + 1;
		else
			high = mid;
	}
	return low < o->n && o->inode[low] == inode ? &o->found[low] : NULL;
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
