/* SPDX-License-Identifier: MIT */
/* The swap lab and its twin. */
#ifndef MURPHY_LAB_SWAP_H
#define MURPHY_LAB_SWAP_H

#include "lab/lab.h"

#include <stddef.h>

/* A swap file of bytes on the disk, switched off at the end. 0, scene_skip()'s value or -errno. */
int swap_new(struct scene *s, uint64_t bytes);

/* Memory that is full of noise; NULL when there is none. */
char *swap_fill(size_t bytes);

/* Push it out, as reclaim would when memory is short. 0 or -errno (before 5.4 -EINVAL). */
int swap_out(char *p, size_t bytes);

/* Wait until so much of a process is in swap: 0, or -ETIMEDOUT after 20 s. */
int swap_await(pid_t pid, uint64_t bytes);

#endif
