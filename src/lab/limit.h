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
 * Limit all I/O on a disk of ours, the kernel's own too. Version 1 knows whose I/O it was only as
 * the root's: ret_group is the root's then, and the limit is lifted at the end. Version 2 knows:
 * ret_group is a group of our own, for who uses the disk. 0, scene_skip()'s value or -errno.
 */
int limit_root(
	struct scene *s, const struct disk *d, const struct io_limit *l, struct cgroup *ret_group);

/*
 * Never returns 0: changes that limit all the time, 3 and 5 MiB/s: slow, unsteady as a disk is, and
 * neither is near the 4 MiB/s that go through (io.ceiling: 0.9 to 1.2 of the limit). Not of a group
 * of version 2 before Linux 6.6, where a limit that changes under load counts no more. -errno.
 */
int limit_waver(const struct cgroup *g, const struct disk *d, const struct io_limit *l);

/* A process in that group that reads parts of the disk's "data" of bytes. Its pid or -errno. */
pid_t limit_reader(struct scene *s, const char *comm, const struct cgroup *g, const struct disk *d,
	uint64_t bytes, size_t part);

/*
 * A group of its own whose readers of a disk run at that limit: makes it, starts them, announces.
 * 0, scene_skip()'s value or -errno.
 */
int limit_readers(struct scene *s, const struct io_limit *l, size_t part);

/* A disk on a slow disk of ours, a job that fills its queue and a stranger who waits in it. */
struct slow_disk {
	struct disk below, disk;
	struct cgroup group; /* whose limit on below makes it slow */
	const struct io_limit *limit;
};

/* Make it, at 4 MiB/s, and announce its disk. 0, scene_skip()'s value or -errno. */
int limit_crowd(struct scene *s, struct slow_disk *ret);

#endif
