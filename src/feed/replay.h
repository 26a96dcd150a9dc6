/* SPDX-License-Identifier: MIT */
/*
 * A captured frame is fed by the same sources over the same bytes; what bytes cannot tell is in
 * its notes: which source filled a table, when, and why it could not.
 */
#ifndef MURPHY_FEED_REPLAY_H
#define MURPHY_FEED_REPLAY_H

#include "source/source.h"

/* What is known of one table of a source before that runs. */
struct replay {
	bool noted; /* the capture says how the table was read */
	struct table_note note;
	struct table *kept; /* need not be read: rows of the capture, or why there are none */
};

/*
 * Decide for table id of s. Live hosts and plain trees know nothing: the source runs. 0 or
 * -ENOMEM; kept is the caller's.
 */
int replay_begin(
	struct host *h, const struct source *s, enum table_id id, struct replay *ret_replay);

/* Put what the note says over a table that the source has read again. */
void replay_end(const struct replay *r, struct table *t);

#endif
