/* SPDX-License-Identifier: MIT */
/* Limits of the host and of its parts by how near they are. */
#ifndef MURPHY_MODEL_LIMITS_H
#define MURPHY_MODEL_LIMITS_H

#include "model/model.h"

enum limit_kind {
	LIMIT_PROCESS_FDS,   /* of a process: name = comm, pid */
	LIMIT_HOST_FILES,    /* fs.file-max */
	LIMIT_PIDS,          /* kernel.pid_max */
	LIMIT_THREADS,       /* kernel.threads-max */
	LIMIT_CGROUP_MEMORY, /* name = path; page cache is not counted: it gives way */
	LIMIT_CGROUP_PIDS,   /* name = path */
	LIMIT_USER_TASKS,    /* RLIMIT_NPROC: name = "user 1000", pid whose limit it is */
	LIMIT_SPACE,         /* of a file system: name = where it is mounted */
	LIMIT_INODES,
	LIMIT_ACCEPT_QUEUE, /* of a listener: name = local address, port */
	LIMIT_TCP_MEMORY,   /* net.ipv4.tcp_mem */
	LIMIT_PORTS,        /* ephemeral ports towards a peer: name = its address, port */
	LIMIT_CONNTRACK,    /* nf_conntrack_max, of a network namespace */
	LIMIT_NEIGHBORS,    /* gc_thresh3 of ARP or NDP */
	LIMIT_KINDS
};

struct limit {
	enum limit_kind kind;
	const char *what; /* "open files"; static */
	const char *name; /* whose it is, raw bytes; NULL: the host's */
	uint64_t pid;     /* of LIMIT_PROCESS_FDS */
	uint32_t port;    /* of LIMIT_ACCEPT_QUEUE, LIMIT_PORTS */
	enum unit unit;   /* of used and limit */
	uint64_t used, limit;
	double ratio; /* used / limit, may exceed 1 */
};

enum { LIMITS_PER_KIND = 3 };

struct limits_model {
	/*
	 * The nearest first, at most LIMITS_PER_KIND of a kind, so that one crowded kind does not
	 * hide the others. What could not be read is not in it.
	 */
	struct limit row[LIMIT_KINDS * LIMITS_PER_KIND];
	size_t n;
};

#endif
