/* SPDX-License-Identifier: MIT */
/* What the sources that walk processes share. */
#ifndef MURPHY_SOURCE_PROC_H
#define MURPHY_SOURCE_PROC_H

#include "source/source.h"

#include <errno.h>

enum { PROC_PATH_MAX = 80 };

/*
 * "proc/PID/file" into buf of PROC_PATH_MAX bytes; returns buf. file is at most 48 bytes. By hand:
 * snprintf() costs as much as a tenth of what the read itself does.
 */
const char *proc_path(char *buf, uint64_t pid, const char *file);

/* A name that is a pid: digits only. */
bool proc_is_pid(const char *name, uint64_t *ret_pid);

/* Process of a task that may be a thread: the same for a main thread. 0 or -errno. */
int proc_group(struct host *h, uint64_t tid, uint64_t *ret_pid);

/*
 * Each open descriptor of a process, by /proc/PID/fd. each: 0 or -errno, which ends the walk. 0,
 * -ETIME: p became late, else -errno of each or of the directory: most often the process is gone.
 */
int proc_fds(struct probe *p, uint64_t pid, int (*each)(void *arg, uint64_t pid, uint64_t fd),
	void *arg);

/* Inode of "socket:[12345]", a link of /proc/PID/fd. */
bool proc_socket_inode(const char *target, size_t len, uint64_t *ret_inode);

/* Is the descriptor a socket, and of which inode? */
bool proc_socket(struct host *h, uint64_t pid, uint64_t fd, uint64_t *ret_inode);

/*
 * How the reads of one table went. Processes die between two reads: that is no error, their rows
 * are simply not there. All other failures are rows known to be missing.
 */
struct tally {
	const char *of; /* "threads"; NULL: processes */
	uint64_t tried, denied, failed;
	uint64_t gone; /* not there: died, or of a tree that never had the file */
	int err;       /* of the last that failed, not denied */
};

/*
 * What a parser's error means for a process: nothing at all was there (it died) is -ESRCH, anything
 * else that is not whole is -EINVAL.
 */
static inline int proc_parsed(int err, size_t len)
{
	return err != -ENODATA ? err : len == 0 ? -ESRCH : -EINVAL;
}

/* Count one read; err is 0 or -errno. True when it went well. */
bool tally_count(struct tally *a, int err);

/*
 * Why processes are denied to us. needs: what lifts that; when we have CAP_SYS_PTRACE already they
 * refuse that as well, and it would be no advice.
 */
const char *proc_denied(struct probe *p, const char *needs);

/*
 * State, why and lost of t after the walk: OK when anything could be read; DENIED when everything
 * was; BROKEN when everything failed; ABSENT when not one file was there, as in sosreports, which
 * have some of each process. denied says what would help.
 */
void tally_close(const struct tally *a, struct table *t, const char *denied);

/*
 * Mark t LATE: "40,312 of 100,000 processes in 1.0 s". since_ns is CLOCK_MONOTONIC. Keeps rows and
 * counts the rest as lost.
 */
void tally_late(
	const struct tally *a, struct table *t, uint64_t done, uint64_t all, uint64_t since_ns);

uint64_t proc_now_ns(void);

#endif
