/* SPDX-License-Identifier: MIT */
/* The network namespaces of this host's processes, one after another. */
#ifndef MURPHY_SOURCE_NETNS_H
#define MURPHY_SOURCE_NETNS_H

#include "source/source.h"

/*
 * A source that reads network namespaces reads so many of them, its own with them; more are counted
 * as lost: a host of containers has thousands.
 */
enum { NETNS_READ_MAX = 64 };

/*
 * The namespace to read behind at, a row of p's table netns (NULL: the first), own is none of them.
 * NULL: there is no more, most (own with them) were read, or p is late; *lost grows by the rest.
 */
const struct netns *netns_next(
	const struct probe *p, const struct netns *at, size_t most, uint64_t *lost);

/* Inode in "net:[4026531840]", 0 when path is no such link; *ret_err says why. */
uint64_t netns_inode(struct host *h, const char *path, int *ret_err);

/* Its last process has gone meanwhile, and the namespace with it: no loss. */
bool netns_is_gone(int err);

#endif
