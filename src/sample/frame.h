/* SPDX-License-Identifier: MIT */
/* The tables of one look. Live, captured and recorded frames are the same thing. */
#ifndef MURPHY_SAMPLE_FRAME_H
#define MURPHY_SAMPLE_FRAME_H

#include "sample/tables.h"

struct frame {
	uint64_t boottime_ns, walltime_ns;
	struct table *at[TABLES]; /* NULL: not needed; else one reference each */
};

/* A table that somebody wants in a frame. Lists end with TABLE_none. */
struct need {
	enum table_id table;
	bool rate;     /* read in every frame of the look, not only in the last */
	bool optional; /* a check that lacks it still judges */
	bool ask;      /* never read by itself: only the keys that a check asks for */
	bool (*keep)(const void *row); /* at the door: rows that somebody wants; NULL: all */
	/*
	 * Of a table that is watched: how long. A check says the least that makes sense; of a look
	 * that takes as long or longer it is the look's own, and it is read all the while; in
	 * shorter ones nobody reads it, unless they follow each other: then it goes on over all.
	 */
	uint64_t for_ns;
	bool exact; /* of a table that may be estimated, or cut off: do not */
	/*
	 * What kind of row it is, counted where it is read (tcp_tally), also for rows that nobody
	 * keeps: of 400,000 sockets those that matter are few. 0: nothing special; such rows are
	 * the first to be left out.
	 */
	uint32_t (*verdict)(const void *row);
};

enum { NEEDS_MAX = 16 };

/* Drop the references; the frame is zero after it. */
void frame_release(struct frame *f);

/* The table, NULL when it was not needed. */
static inline const struct table *frame_table(const struct frame *f, enum table_id id)
{
	return f ? f->at[id] : NULL;
}

/* Nanoseconds between the two readings of table id, 0 when there are not two. */
uint64_t frame_elapsed_ns(const struct frame *now, const struct frame *was, enum table_id id);

/*
 * How much a COUNTER column of row, which is a row of now's table id, has grown since was. The row
 * of the frame before is found by its keys; what was not there then, or went back, is absent.
 */
struct reading frame_delta(const struct frame *now, const struct frame *was, enum table_id id,
	const void *row, unsigned int column);

/* The same per second. */
struct reading frame_rate(const struct frame *now, const struct frame *was, enum table_id id,
	const void *row, unsigned int column);

/* The only row of a one-row table, NULL when there is none. */
static inline const void *frame_row(const struct frame *f, enum table_id id)
{
	return table_only(frame_table(f, id));
}

#endif
