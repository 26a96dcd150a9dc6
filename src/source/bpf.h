/* SPDX-License-Identifier: MIT */
/* What all sources with an eBPF program share. Compiled only where libbpf is. */
#ifndef MURPHY_SOURCE_BPF_H
#define MURPHY_SOURCE_BPF_H

#include "source/source.h"

/* The first complaint of libbpf, cut to fit. */
struct bpf_said {
	char text[96];
};

/* From now on libbpf speaks to said instead of stderr; NULL: to nobody. */
void bpf_listen(struct bpf_said *said);

/* Mark t by what kept the program from running: no rights, a kernel without BTF, or else. */
void bpf_fail(struct table *t, int err, const struct bpf_said *said);

/*
 * Has the kernel something of that name: its BTF, the strings of it, in 1 ms; libbpf's answer takes
 * as long as loading a program.
 */
bool bpf_kernel_has(const char *name);

struct bpf_program;

/*
 * Run an iterator to its end: take() gets its rows of size bytes, n at a time, and returns 0 or
 * -errno, which ends it. 0, -ETIME at the deadline, or -errno.
 */
int bpf_iterate(struct probe *p, const struct bpf_program *program, size_t size,
	int (*take)(void *arg, const void *rows, size_t n), void *arg);

/* The same of an iterator that was made already. */
int bpf_read_rows(struct probe *p, int fd, size_t size,
	int (*take)(void *arg, const void *rows, size_t n), void *arg);

#endif
