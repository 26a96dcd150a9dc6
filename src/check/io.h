/* SPDX-License-Identifier: MIT */
/* Who waits for a block device and who keeps it busy: what several checks of I/O share. */
#ifndef MURPHY_CHECK_IO_H
#define MURPHY_CHECK_IO_H

#include "check/check.h"
#include "model/blocked.h"
#include "model/process.h"

/*
 * How busy a device was says little: one that serves 64 requests at once is "100 % busy" with one.
 * What tells is a queue in which each request waits behind others, so long that it is felt: ten
 * milliseconds are a random read of a turning disk, and a hundred of flash.
 */
#define IO_BUSY_RATIO 0.90
#define IO_QUEUE_SAD 4
#define IO_WAIT_SAD_NS 10e6
/* Somebody waited for I/O a tenth of the time: else those in D were there by chance. */
#define IO_STALL_RATIO 0.10

enum { IO_TASKS_MAX = 64, IO_FILLERS_MAX = 3, IO_QUEUES_MAX = 4 };

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

/* A device with a queue that is felt, who waits in it, and who fills it. */
struct io_queue {
	const struct disk_load *disk;
	struct io_waiter waiter[IO_TASKS_MAX];
	size_t n_waiters, n_strangers; /* of another job than the first filler; they come first */
	struct io_filler filler[IO_FILLERS_MAX];
	size_t n_fillers;
};

/* Whole devices with such a queue, without those that are stacked on others; how many. */
size_t io_queues(const struct model *m, struct io_queue list[IO_QUEUES_MAX]);

/*
 * Find who waits, by the table task_wait, and who fills it: jobs whose reads and writes make at
 * least a tenth of the device's. alone: it is the only queue, so that who waits for an
 * unknown disk waits for this one.
 */
void io_queue_people(struct io_queue *q, const struct model *m, bool alone);

/* Does it harm somebody? How many of waiter[] are harmed: strangers, or all tasks of a server. */
bool io_queue_hurts(const struct model *m, const struct io_queue *q);
size_t io_queue_victims(const struct model *m, const struct io_queue *q);

/* Of one session, or siblings of one name: one job, that only waits for itself. */
bool io_one_job(const struct model *m, uint64_t pid_a, uint64_t pid_b);

/* Each process once, "waits in folio_wait_bit, 3 threads". */
void io_victims(struct judgement *j, struct finding *f, const struct model *m,
	const struct io_waiter *list, size_t n);

/* How the first filler, which must be there, may let others go first. */
void io_todo_give_way(struct judgement *j, struct finding *f, const struct io_queue *q);

#endif
