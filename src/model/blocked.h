/* SPDX-License-Identifier: MIT */
/*
 * Tasks that sleep uninterruptibly (D): main threads, and other threads as far as they were read;
 * whether they moved over the look, and what they wait for where a check asked for it.
 */
#ifndef MURPHY_MODEL_BLOCKED_H
#define MURPHY_MODEL_BLOCKED_H

#include "model/disks.h"

enum wait_kind {
	WAIT_UNKNOWN,  /* not asked, or the kernel does not tell */
	WAIT_CHILD,    /* parent of vfork: by design, not I/O */
	WAIT_THROTTLE, /* balance_dirty_pages: the kernel slows a writer down */
	WAIT_FROZEN,   /* a file system that is frozen (fsfreeze, snapshot) */
	WAIT_NETWORK,  /* a server of NFS, CIFS, Ceph, 9p */
	WAIT_FUSE,     /* a file system daemon in user space */
	WAIT_JOURNAL,  /* a commit of the file system's journal */
	WAIT_DISK,     /* a block device */
	WAIT_MEMORY,   /* reclaim, or a control group out of memory */
	WAIT_LOCK,     /* a lock that another task holds */
	WAIT_OTHER,    /* something with a name that is none of these */
};

struct blocked_task {
	const struct process *row; /* of its process */
	uint64_t pid, tid;         /* equal: the main thread */
	uint64_t start_ns;
	const char *comm;   /* of the process */
	const char *thread; /* of the thread, where it is not the main one; else NULL */
	bool kthread;
	bool ours;       /* murphy, or a reader of it: waits for a dead mount too, by design */
	bool whole_look; /* in D in both frames, the same task */
	bool moved;      /* got a CPU or did I/O between them: it waits, but is not stuck */
	struct reading written_bytes_per_s; /* of the process */
};

/* What one of them waits for. Texts are never NULL; "" is unknown. */
struct blocked_wait {
	enum wait_kind kind;
	const char *wchan;
	const char *stack;            /* innermost first, joined by < */
	const struct mount *mount;    /* that the system call works on; NULL unknown */
	const char *target, *fstype;  /* of mount */
	const struct disk_load *disk; /* below mount; NULL unknown */
};

struct blocked_model {
	struct blocked_task *task; /* main threads first */
	size_t n;
	uint64_t elapsed_ns; /* between the two readings of processes; 0: only one */
};

/*
 * What the task waits for, by the table task_wait (which comes after the models, when a check asked
 * for it), mount, and the model disks.
 */
struct blocked_wait blocked_wait_of(const struct model *m, const struct blocked_task *b);

/* What is waited for, in words: "a frozen file system". Static. */
const char *wait_kind_text(enum wait_kind k);

/*
 * Classify by kernel stack and wait channel, either may be "". Pure.
 * Source: symbols of fs/, mm/, block/, kernel/fork.c; names that moved between kernels are all
 *         there.
 */
enum wait_kind wait_kind_of(const char *wchan, const char *stack);

/* The task of that tid, NULL when it is not in D. bm may be NULL. */
const struct blocked_task *blocked_find(const struct blocked_model *bm, uint64_t tid);

#endif
