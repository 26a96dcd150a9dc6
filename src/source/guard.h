/* SPDX-License-Identifier: MIT */
/*
 * Reading many files any of which may hang for ever: those that take a lock of the process that
 * they tell about (cmdline: mmap_lock; stack, syscall: exec_update_lock). A helper process reads,
 * its parent watches; where it hangs, it is given up and the next one goes on behind that file.
 */
#ifndef MURPHY_SOURCE_GUARD_H
#define MURPHY_SOURCE_GUARD_H

#include "source/source.h"

enum { GUARD_PATH_MAX = 96, GUARD_FILE_MAX = 4096, GUARD_HANGS_MAX = 4 };

struct guard {
	size_t n;    /* files */
	size_t size; /* of each to read, at most GUARD_FILE_MAX */
	/* Path of file i into buf of GUARD_PATH_MAX bytes. */
	void (*path)(const void *arg, size_t i, char *buf);
	/*
	 * Its bytes; len is -errno when it could not be read, -ETIME when it hung. In order. 0, or
	 * -errno which ends the reading.
	 */
	int (*take)(void *arg, size_t i, const char *buf, ssize_t len);
	void *arg;
	uint64_t hang_ns; /* a file that takes longer hangs; 0: 100 ms */
};

/*
 * Read them all through p->host. ret_done is set to how many files were taken: fewer than n when
 * the deadline came or more than GUARD_HANGS_MAX files hung. 0 or -errno.
 */
int guard_read(struct probe *p, const struct guard *g, size_t *ret_done);

#endif
