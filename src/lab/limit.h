/* SPDX-License-Identifier: MIT */
/* The labs in which a control group's I/O has a limit. */
#ifndef MURPHY_LAB_LIMIT_H
#define MURPHY_LAB_LIMIT_H

#include "lab/lab.h"

/* Which of a group's limits. */
struct io_limit {
	const char *v1, *v2; /* "blkio.throttle.read_bps_device", "rbps" */
	unsigned long value;
};

/* Limit what g may do on d; with value 0 lift it. 0 or -errno. */
int limit_set(const struct cgroup *g, const struct disk *d, const struct io_limit *l);

/*
 * A group of its own whose readers of a disk run at that limit: makes it, starts them, announces.
 * 0, scene_skip()'s value or -errno.
 */
int limit_readers(struct scene *s, const struct io_limit *l, size_t part);

#endif
