/* SPDX-License-Identifier: MIT */
/* A reader: a forked process that runs sources one after the other and sends their tables. */
#ifndef MURPHY_FEED_READER_H
#define MURPHY_FEED_READER_H

#include "feed/feed.h"
#include "source/source.h"

#include <sys/types.h>

enum { READERS_MAX = 64 }; /* at a time */

/* What a reader is to do. Copied into it by fork(): nothing is serialised. */
struct reader_job {
	struct host *host;
	const struct frame *frame; /* tables that its sources may use */
	const struct frame *was;   /* the frame before, or NULL */
	const bool *wanted;        /* by table id */
	const struct feed_ask *asks;
	size_t n_asks;
	const struct need *needs;
	size_t n_needs;
	const size_t *source; /* indices in sources[], in order */
	size_t n_sources;
	void *const *memory; /* by source: what its reads share, or NULL */
	bool tap;
	/* Pipes of the readers that run now: the next one, which may hang, does not keep them. */
	int pipe[READERS_MAX];
	size_t n_pipes;
};

/*
 * What a source may take: a tree on a disk may be large and cold, and nobody waits for a capture;
 * one that watches takes as long as was asked for.
 */
uint64_t reader_deadline_ns(const struct reader_job *job, const struct source *s);

/*
 * Read sources[index] in this very process. out: by table id; gets a table for each that the source
 * fills and somebody wants, owned by the caller; what it holds of them before is let go.
 */
void reader_read(const struct reader_job *job, size_t index, struct table **out);

/* Fork it. Its pid and a non-blocking pipe to read from, or -errno. */
pid_t reader_start(const struct reader_job *job, int *ret_fd);

#endif
