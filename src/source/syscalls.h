/* SPDX-License-Identifier: MIT */
/* System calls that tasks wait in, by name: their numbers differ between architectures. */
#ifndef MURPHY_SOURCE_SYSCALLS_H
#define MURPHY_SOURCE_SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct syscall {
	long number;
	const char *name;
	bool fd; /* its first argument is a descriptor */
};

/* Of this machine's architecture; NULL when it is none of them. */
const struct syscall *syscall_find(int64_t number);

enum { SYSCALL_ARGUMENTS = 2 };

/*
 * Parse /proc/PID/syscall. Pure.
 *
 * Shape:  "NR 0xARG 0xARG ...", "-1 0xSP 0xPC" outside of a call, "running".
 * Errors: -EINVAL malformed, -ENODATA "running" or empty.
 * Source: fs/proc/base.c, proc_pid_syscall().
 */
int syscall_parse(
	const char *buf, size_t len, int64_t *ret_number, uint64_t ret_argument[SYSCALL_ARGUMENTS]);

#endif
