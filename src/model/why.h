/* SPDX-License-Identifier: MIT */
/*
 * Where the time of some processes goes: what the kernel measured of their threads (running,
 * waiting for a CPU) and what they were found sleeping in, shared out so that it adds up to the
 * time of all threads. No model of model.def: it is of the processes that somebody asks about.
 */
#ifndef MURPHY_MODEL_WHY_H
#define MURPHY_MODEL_WHY_H

#include "model/model.h"

enum why_state {
	WHY_USER,
	WHY_SYSTEM,
	WHY_CPU,       /* runnable, others have the CPUs */
	WHY_THROTTLED, /* runnable, its control group's quota is used up */
	WHY_DISK,      /* a device, or a file system that is one's */
	WHY_MEMORY,    /* reclaim, or pages that were pushed out for want of it */
	WHY_LOCK,      /* a mutex, a lock of the kernel or of a file */
	WHY_PEER,      /* an answer over TCP, or a peer that does not read */
	WHY_IDLE,      /* not a state: the first of those in which nothing is waited for but work */
	WHY_WORK = WHY_IDLE, /* a request: epoll, accept, a client's next command */
	WHY_CONDITION,       /* another thread's signal: condition variable, parked, eventfd */
	WHY_LOCAL,           /* another process here: pipe, unix socket, message queue */
	WHY_TIMER,
	WHY_CHILD,
	WHY_STOPPED,
	WHY_OTHER, /* not told, not sampled, or not known to this murphy */
	WHY_STATES
};

enum { WHY_PLACES = 24, WHY_GROUPS = 64 };

/* What of a state's time was spent at one thing. */
struct why_place {
	const char *text; /* "10.0.0.5:5432: no answer for 2.1 s on 3 connections"; never NULL */
	double ns;
	uint64_t holder;    /* of a lock: the task that has it; 0 unknown */
	uint64_t oldest_ns; /* of a peer: how long the longest has lasted; 0 unknown */
};

struct why_part {
	enum why_state state;
	double ns;
	size_t tasks;                       /* that spent a twentieth of their time in it */
	struct why_place place[WHY_PLACES]; /* longest first; what does not fit is left out */
	size_t n_places;
};

/* Threads of one name, digits apart: "pool-1-thread-#". */
struct why_group {
	const char *name;
	size_t tasks;
	double ns[WHY_STATES];
	double busy_ns, all_ns;
	enum why_state leading;
};

/* A control group that held the processes back over the look. */
struct why_limit {
	const char *path; /* NULL: none */
	double amount;    /* ns of throttling, or how often memory ran into its limit */
};

struct why {
	bool sampled;           /* else only two frames, as of a capture */
	uint64_t watched_ns;    /* of the thread that was watched longest */
	double all_ns, busy_ns; /* of all threads; of it not idle */
	size_t tasks, processes;
	size_t ended;   /* of the processes, while they were watched */
	size_t zombies; /* ended, and their parent has not asked how */
	uint64_t reaper_pid;
	const char *reaper; /* that parent of the first of them, "cron (pid 12)"; NULL: none */
	uint64_t samples;   /* of the thread that was looked at most often */
	struct why_part part[WHY_STATES]; /* not idle ones first, longest first; those with time */
	size_t n_parts;
	enum why_state leading; /* first of them; idle when less than WHY_BUSY_RATIO is not */
	struct why_group group[WHY_GROUPS]; /* most busy first */
	size_t n_groups;
	struct why_limit throttled, memory; /* CPU quota; memory limit */
	struct why_limit stall; /* ns in which a task of the group waited for memory (PSI) */
	struct reading read_bytes_per_s, major_faults_per_s; /* of the processes together */
	/*
	 * Those that wait for the processes: requests in
	 * hand, the oldest, connections not accepted.
	 */
	size_t clients, not_accepted;
	uint64_t client_oldest_ns;
	bool thrashes; /* pages that a limit or want of memory pushed out are read again, often */
	bool delays_counted;        /* kernel.task_delayacct, of a host that has tasks */
	struct reading block_ratio; /* measured wait for block I/O, of all time */
};

/* Of one thread's time: a service that does less has nothing that is worth a reason. */
#define WHY_BUSY_RATIO 0.05

/*
 * Fold frames and asked tables (task_time, task_place, process_socket, futex_wait, task_wait), of
 * the processes pids, sorted. Texts are in a. 0 or -ENOMEM.
 */
int why_fold(const struct model *m, const uint64_t *pids, size_t n_pids, struct arena *a,
	struct why *ret_why);

/*
 * Tasks that are worth asking what they wait for, by where they were found: those in D (task_wait)
 * and those that wait for a mutex (futex_wait). The number of them, at most max.
 */
size_t why_suspects(const struct model *m, enum table_id table, uint64_t *ret_tids, size_t max);

/* "cpu-wait". Static; as in JSON. */
const char *why_state_name(enum why_state s);

#endif
