/* SPDX-License-Identifier: MIT */
/* Who holds the sockets that were asked for, counted while all descriptors pass by. */
#ifndef MURPHY_SOURCE_OWNERS_H
#define MURPHY_SOURCE_OWNERS_H

#include "source/source.h"

struct owners {
	const uint64_t *inode; /* as asked: sorted */
	struct owner *found;   /* one for each inode */
	size_t n;
	uint32_t *slot; /* open-addressed by inode: 0, or one more than its index */
	size_t n_slots; /* a power of two, 2^(64 - shift) */
	unsigned int shift;
};

/* Of the inodes that p was asked for. 0 or -ENOMEM; release it in any case. */
int owners_init(struct owners *o, const struct probe *p);
void owners_release(struct owners *o);

/* Process pid holds inode as fd. All descriptors of a process come one after the other. */
void owners_add(struct owners *o, uint64_t inode, uint64_t pid, uint64_t fd);

/*
 * A row for each inode that somebody holds. whole: no process was left out, so that holders is
 * their number; else it stays unknown and why_not says why. 0 or -ENOMEM.
 */
int owners_rows(const struct owners *o, struct table *t, bool whole, enum state why_not);

#endif
