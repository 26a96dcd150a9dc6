/* SPDX-License-Identifier: MIT */
/* Processes of the lab mem-shapes: what they build themselves with, and who maps an object. */
#ifndef MURPHY_LAB_MEM_SHAPE_H
#define MURPHY_LAB_MEM_SHAPE_H

#include "lab/lab.h"

#include <stddef.h>

enum { SHAPE_BYTES = 4 * 1048576 };

size_t shape_page(void);

/* As mmap(); the process ends where that fails. */
char *shape_map(size_t bytes, int prot, int flags, int fd);

/* Private memory of small pages, not yet touched. */
char *shape_small(size_t bytes);

/* Touch each page. */
void shape_read(const char *p, size_t bytes);

/* An object in memory; of huge pages, it is filled. */
int shape_object(size_t bytes, bool huge_pages);

/* As fork(), of a process that dies with this one. */
pid_t shape_fork(void);

/* The process is in shape: say so, and wait for ever. */
void shape_stay(int done) __attribute__((noreturn));

/* A line of its own smaps_rollup, in kB. */
uint64_t shape_kib(const char *key);

/* A folder on a disk; with a file of SHAPE_BYTES. 0 or -errno. */
int shape_prepare_dir(struct scene *s);
int shape_prepare_file(struct scene *s);

void shape_of_double_map(const struct scene *s, int done);
void shape_of_parts(const struct scene *s, int done);
void shape_of_sysv(const struct scene *s, int done);
void shape_of_file(const struct scene *s, int done);
void shape_of_holes(const struct scene *s, int done);
void shape_of_device(const struct scene *s, int done);
void shape_of_ring(const struct scene *s, int done);

#endif
