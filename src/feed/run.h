/* SPDX-License-Identifier: MIT */
/* What only the files of feed/ know of a round of reading. */
#ifndef MURPHY_FEED_RUN_H
#define MURPHY_FEED_RUN_H

#include "feed/feed.h"
#include "feed/reader.h"
#include "source/source.h"

/*
 * No more than ABANDONED_MAX processes that nothing can end are left behind on a sick host, and one
 * more for what should never hang.
 */
enum { SOURCES_MAX = 128, ABANDONED_MAX = 4, DYING_MS = 50 };

enum progress { IDLE, WAITING, RUNNING, DONE };

struct reader {
	pid_t pid; /* 0: it was reaped, and the number may be somebody else's */
	int fd;
	struct strbuf in;
	size_t source[SOURCES_MAX];
	size_t n_sources, at; /* sources before at are done */
	uint64_t deadline_ns; /* of the source it is at */
};

struct feed {
	struct host *host;
	host_tap_fn *tap;
	void *tap_arg;
	const struct frame *was;
	uint64_t budget_ns;         /* of a live read */
	struct feed_cost cost;      /* of the readers that have ended */
	pid_t stuck[SOURCES_MAX];   /* by source: a reader that was killed and did not die yet */
	bool answered[SOURCES_MAX]; /* by source: it has, in this or an earlier frame */
	pid_t leaving[READERS_MAX]; /* said that they were done and did not end yet */
	void *memory[SOURCES_MAX];  /* by source: what its readers share; NULL: none yet */
	struct run *watch;          /* what goes on between two frames; NULL: nothing */
};

/* One round of reading: a frame, or the asks of one. */
struct run {
	struct feed *feed;
	struct reader_job job;
	struct frame *frame;
	bool wanted[TABLES];
	enum progress progress[SOURCES_MAX];
	struct reader *reader[READERS_MAX];
	size_t n_readers;
	bool alone;    /* something hung: from now on each source has a reader of its own */
	bool despairs; /* of the readers that hang: they do not die */
	uint64_t deadline_ns;
	struct frame watched; /* its frame, when it goes on between two */
};

/* Does the source fill a table of this run? */
bool run_fills_wanted(const struct run *r, const struct source *s);

/* Has all been read that source k uses and comes after, and all better sources of its tables? */
bool run_ready(const struct run *r, size_t k);

/* A better source has filled all that this one could. */
bool run_superfluous(const struct run *r, const struct source *s);

/*
 * It has exact values only, and nobody wants them: no process need be started to hear that. Of a
 * capture, and for one, each source has its say.
 */
bool run_too_exact(const struct run *r, const struct source *s);

/* What a source leaves to its next read lies in memory that all its readers have. */
void run_share_memory(struct run *r);

/* Free f, with that memory. */
void run_free_feed(struct feed *f);

/* What a source uses is read too, whether or not somebody else wants it. */
void run_want_uses(struct run *r);

/*
 * t, or an empty table that says why: strangers' frames are bounded, however many tables they have.
 * NULL when memory is out; t is its own in any case.
 */
struct table *run_bounded(const struct run *r, enum table_id id, struct table *t);

#endif
