/* SPDX-License-Identifier: MIT */
/* A child process and the pipe with what it prints. */
#ifndef MURPHY_LAB_CHILD_H
#define MURPHY_LAB_CHILD_H

#include "base/strbuf.h"

#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int out; /* the end to read */
};

/* CLOCK_MONOTONIC in ms. */
uint64_t child_now_ms(void);

/* As fork(), or -errno: in the child 0, its stdout leads here and it gets sig when we are gone. */
pid_t child_start(struct child *ret_child, int sig);

/* Append what comes; false at the end or past until_ms (child_now_ms()). */
bool child_more(const struct child *c, struct strbuf *text, uint64_t until_ms);

/* Wait for its end. Exit code; 128 + signal; -1 when it cannot be had. */
int child_join(struct child *c);

/*
 * Run argv and read all that it prints, for at most ms; what comes later is not read and it is
 * killed. As child_join(), -errno when it cannot be started.
 */
int child_read(const char *const argv[], unsigned ms, struct strbuf *text);

#endif
