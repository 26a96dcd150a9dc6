/* SPDX-License-Identifier: MIT */
/*
 * A feed makes frames: it runs the sources that fill the needed tables, each in a process forked
 * for it, with a deadline. What hangs, crashes or lies harms its own tables only. Live hosts,
 * trees and archives are fed the same way.
 */
#ifndef MURPHY_FEED_FEED_H
#define MURPHY_FEED_FEED_H

#include "host/host.h"
#include "sample/frame.h"

struct feed;

/* A feed of h, which it does not own. 0 or -ENOMEM. */
int feed_new(struct host *h, struct feed **ret_feed);

/* Ends what readers are left, without waiting for one that cannot be ended. */
void feed_free(struct feed *f);

/* Shows everything that is read from now on to tap; NULL ends that. */
void feed_set_tap(struct feed *f, host_tap_fn *tap, void *arg);

/* How long each later live read may take in all; roots have 30 s. */
void feed_set_budget(struct feed *f, uint64_t budget_ns);

/* The frame before those that are read from now on, which must outlive them; NULL: none. */
void feed_set_was(struct feed *f, const struct frame *was);

/*
 * Read frame number index (of a root; live ones only count). All of needs that are not asked are
 * read, in the last frame; else those with a rate. Always makes a frame: what could not be read
 * says so in its table. 0, -ENOMEM, or why the frame of a root cannot be entered.
 */
int feed_frame(struct feed *f, unsigned int index, bool last, const struct need *needs,
	size_t n_needs, struct frame *ret_frame);

/*
 * Begin to watch the tables of needs that say for how long (for_ns) and are not asked for. It
 * goes on beside whatever else is read; the next last frame has what was seen, and waits for it
 * within its budget. Of a root nothing is watched: its frames have what a capture kept.
 */
void feed_watch(struct feed *f, const struct need *needs, size_t n_needs);

/* Keys of one table that checks ask for, sorted, without repetition. */
struct feed_ask {
	enum table_id table;
	const uint64_t *keys;
	size_t n;
};

/*
 * Read what was asked into frame, whose tables the sources may use. A table that was there
 * already is replaced.
 */
int feed_asks(struct feed *f, const struct feed_ask *asks, size_t n, const struct need *needs,
	size_t n_needs, struct frame *frame);

/* What the readers that have ended so far took. */
struct feed_cost {
	uint64_t cpu_ns;
	uint64_t peak_bytes; /* of the largest */
};
struct feed_cost feed_cost(const struct feed *f);

/* Readers that were given up and have not ended yet. */
unsigned int feed_stuck(const struct feed *f);

#endif
