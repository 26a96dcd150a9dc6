/* SPDX-License-Identifier: MIT */
/* Labs of many processes that map one object in memory. */
#ifndef MURPHY_LAB_SHARERS_H
#define MURPHY_LAB_SHARERS_H

#include "lab/lab.h"

/* A memfd: chunk bytes at the start of each stride are in memory, the rest is a hole. */
struct sparse {
	const char *name;
	uint64_t size, stride, chunk;
	int fd; /* set by sharers_start() */
};

/* A process and its children, all of that name; each maps the whole object. */
struct sharer {
	const char *comm;
	unsigned n;          /* with the first */
	unsigned percent;    /* of the object that each touches, from its start */
	uint64_t copy_bytes; /* of it that each has written to for itself: at most a chunk */
	uint64_t own_bytes;  /* beside it */
	pid_t pid;           /* of the first; set by sharers_start() */
};

/* What of total memory makes a number that is max on a machine of 16 GiB or more. */
unsigned sharers_scale(uint64_t total, unsigned max);

/* Page tables that a process of that kind needs for the object. */
uint64_t sharers_table_bytes(const struct sparse *o, const struct sharer *k);

/*
 * Make the object and the processes, in a control group of their own (the caller enters it too)
 * that may have a quarter more than they need. Returns when all have touched what they touch: 0,
 * scene_skip()'s value or -errno.
 */
int sharers_start(struct scene *s, struct sparse *o, struct sharer kinds[], size_t n_kinds);

#endif
