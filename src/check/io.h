/* SPDX-License-Identifier: MIT */
/* Who waits for a block device and who keeps it busy: what several checks of I/O share. */
#ifndef MURPHY_CHECK_IO_H
#define MURPHY_CHECK_IO_H

#include "check/check.h"
#include "model/blocked.h"
#include "model/process.h"

enum { IO_TASKS_MAX = 64, IO_FILLERS_MAX = 3 };

/* A task in D state at both ends of the look that waits for a disk or its journal. */
struct io_waiter {
	const struct blocked_task *task;
	struct blocked_wait wait;
	const struct disk_load *disk; /* the whole device; NULL: unknown */
};

/* A job that read and wrote much: processes of one session, or siblings of one name. */
struct io_filler {
	uint64_t pid; /* the busiest of them */
	size_t processes;
	double bytes_per_s, largest; /* of all, of that one */
};

/*
 * Ask what every task in D waits for, at most IO_TASKS_MAX. True when that is known; kernel threads
 * and murphy itself are not asked.
 */
bool io_ask_waits(struct judgement *j, const struct model *m);

/* Those that wait, into list of IO_TASKS_MAX; how many. */
size_t io_waiters(const struct model *m, struct io_waiter *list);

/* Are writers to that device held back by write throttling? Then io.writeback tells of it. */
bool io_held_back(const struct model *m, const struct disk_load *disk);

/*
 * Jobs whose reads and writes, of all devices, make at least a tenth of the device's, most first;
 * how many.
 */
size_t io_fillers(const struct model *m, const struct disk_load *disk, struct io_filler *list);

/* Of one session, or siblings of one name: one job, that only waits for itself. */
bool io_one_job(const struct model *m, uint64_t pid_a, uint64_t pid_b);

/* Each process once, "waits in folio_wait_bit, 3 threads". */
void io_victims(struct judgement *j, struct finding *f, const struct model *m,
	const struct io_waiter *list, size_t n);

#endif
