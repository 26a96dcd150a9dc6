/* SPDX-License-Identifier: MIT */
/*
 * Children that end and are started anew by the same parent, one at a time: what a supervisor does
 * with a service that does not stay up, and what a shell loop does with every command. Who the
 * parent is must tell them apart; that is the check's.
 */
#ifndef MURPHY_MODEL_RESPAWN_H
#define MURPHY_MODEL_RESPAWN_H

#include "model/model.h"

enum { RESPAWN_MAX = 32, RESPAWN_COMM = 64 };

struct respawn {
	uint64_t parent, parent_start_ns;
	char comm[RESPAWN_COMM]; /* of the children */
	bool leaders;            /* both children lead sessions of their own */
	bool now;                /* seen in this look */
	uint64_t pid, gone;      /* of the one that runs now, of the one before it */
	uint64_t lived_ns;       /* from the start of the one before to that of this one: at most */
	unsigned int seen;       /* times, in all looks so far */
	uint64_t first_ns, last_ns; /* boottime of the first and last look that saw it */
	/*
	 * How many such lives all children that the parent has reaped amount to, by their page
	 * faults, and not more than fit into the parent's own life. 0: unknown.
	 */
	double lives;
};

/* Kept from look to look: a second one of the same parent and name counts up. */
struct respawn_model {
	struct respawn row[RESPAWN_MAX];
	size_t n;
};

#endif
