/* SPDX-License-Identifier: MIT */
/*
 * How a lab is undone however it ends. The list lies in memory shared by three processes:
 *
 *	murphy-lab (the terminal's child) ── keeper (own session) ── body (runs the lab) ── ...
 *
 * The body writes a step before it does the thing. The keeper performs the list when the body ends,
 * the time is over, or murphy-lab is gone; murphy-lab performs it when the keeper is gone. Both are
 * subreapers, so all that a lab ever forked is theirs to kill. For the case that all are killed at
 * once the list is a locked file in /run: a warden, nobody's child, waits for the lock; and when it
 * was killed too, the next murphy-lab sweeps.
 */
#ifndef MURPHY_LAB_UNDO_H
#define MURPHY_LAB_UNDO_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

enum undo_op {
	UNDO_WRITE,   /* write text to path; first of all, for it may be what tasks wait for */
	UNDO_THAW,    /* thaw the file system mounted at path; first, too */
	UNDO_UMOUNT,  /* from here on in reverse order, when the processes are gone */
	UNDO_SWAPOFF, /* switch off swap on the file path */
	UNDO_GROUP,   /* rmdir a control group */
	UNDO_TREE,    /* remove a folder and what is below it on that file system */
};

enum { UNDO_STEPS = 32, UNDO_PATH = 200, UNDO_TEXT = 64, UNDO_MAGIC = 0x6f646e75 };

#define UNDO_MARK "MURPHY_LAB"

struct undo {
	uint32_t magic;
	uint32_t n;
	uint64_t owner; /* pid of murphy-lab; programs that a lab starts have UNDO_MARK=owner set */
	uint64_t ready_ns; /* monotonic time when the lab was ready; 0: not yet */
	struct undo_step {
		uint32_t op; /* enum undo_op */
		char path[UNDO_PATH];
		char text[UNDO_TEXT];
	} step[UNDO_STEPS];
};

/* A new list, in /run when we may, else in memory. *ret_fd: its lock, -1 when in memory. */
int undo_new(struct undo **ret_undo, int *ret_fd);

/* Note a step; text may be NULL. 0, or -ENOSPC, -ENAMETOOLONG: then do not do it. */
int undo_add(struct undo *u, enum undo_op op, const char *path, const char *text);

/* Kill and reap every child, orphans that come to us too, and perform all steps. */
void undo_all(struct undo *u);

/* Forget the file of undo_new() in /run: everything was undone. */
void undo_done(int fd);

/*
 * A process that is nobody's child, in a session of its own: when all who hold the list of
 * undo_new() were killed it performs the list; and when they still live after seconds (stopped, or
 * stuck themselves) it thaws and puts back knobs. Call before anything is noted, from undo_new()'s
 * process, and not as a subreaper.
 */
void undo_guard(int fd, unsigned seconds);

/* Perform and remove lists that no living process holds. Returns how many. */
unsigned undo_sweep(void);

#endif
