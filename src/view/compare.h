/* SPDX-License-Identifier: MIT */
/*
 * Two machines, or one at two times: what differs, most important first, and what cannot be told.
 */
#ifndef MURPHY_VIEW_COMPARE_H
#define MURPHY_VIEW_COMPARE_H

#include "view/fact.h"

struct difference {
	const struct fact *a, *b; /* NULL: not there, and that is a difference (FACT_MEMBER) */
	struct measure from, to;  /* the numbers that were compared: of a and of b */
	bool ever;                /* they are means since boot: one side has one frame only */
	double score;             /* what it is ranked by: weight, and up to 7 for its size */
	const char *why;          /* static */
};

/* So many names of a gap are kept. */
enum { GAP_NAMES = 4 };

/* A kind, or things of it, that could not be compared. */
struct gap {
	enum fact_id id;
	enum state a, b; /* of the kind on each side; both OK: see only */
	const char *why_a, *why_b;
	char only;           /* 'a' or 'b': that side has things that the other has not; else 0 */
	const char *names;   /* of some of them, ", " between; NULL: the kind as a whole */
	size_t n;            /* how many; 0: the kind as a whole */
	const char *because; /* another reason, static; NULL */
	bool hidden;         /* both have it, and redaction keeps it from us */
};

/* Zero-initialised is empty. */
struct comparison {
	struct difference *difference; /* ranked */
	size_t n;
	struct gap *gap;
	size_t n_gaps;
	size_t compared; /* facts that both sides have */
	struct arena arena;
};

void comparison_release(struct comparison *c);

/*
 * Compare facts that were sorted, which must outlive *ret. 0 or -ENOMEM.
 *
 * Numbers differ when they are far enough apart for their kind, and farther than four standard
 * deviations of what was counted (Poisson): a single error in two seconds is no rate.
 */
int compare_facts(const struct facts *a, const struct facts *b, struct comparison *ret);

#endif
