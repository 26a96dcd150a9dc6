/* SPDX-License-Identifier: MIT */
/*
 * The loop: needs -> feed -> models -> checks -> asks, and the report that comes of it. Every face
 * of murphy (command line, recorder, web page) stands around one of these.
 */
#ifndef MURPHY_LOOK_LOOK_H
#define MURPHY_LOOK_LOOK_H

#include "check/report.h"
#include "feed/feed.h"

struct look;

struct look_options {
	uint64_t for_ns; /* between the two frames of a live look; 0: 2 s */
	/* Looked at again and again: what is watched is watched from look to look. */
	bool again;
	const char *only,
		*skip; /* comma-separated families ("mem") or ids ("mem.oom"); NULL: none */
	const struct house *house; /* its rules are judged besides check.def; NULL: none */
	/* Nothing but this, without models; where it needs no rate one frame will do. */
	const struct check *alone;
	const struct need *also; /* tables that no check needs, ends with TABLE_none; NULL: none */
};

/* Somebody who watches what is read: murphy capture. */
struct look_watch {
	host_tap_fn *tap;
	void (*begin)(void *arg, unsigned int index);
	void (*end)(
		void *arg, unsigned int index, const struct frame *f); /* granted asks included */
	void *arg;
};

/*
 * A look at h, which it does not own. watch may be NULL. 0, -EINVAL unknown name in only or skip,
 * or nothing left to check.
 */
int look_new(struct host *h, const struct look_options *o, const struct look_watch *watch,
	struct look **ret_look);
void look_free(struct look *l);

/*
 * Look once. A live look takes for_ns and at most 3 s more. 0, -ENOMEM, or why a frame of a root
 * cannot be entered.
 */
int look_next(struct look *l, struct report *ret_report);

/*
 * The first word of list ("mem,tcp.close-wait"; NULL: no words) that is neither a family nor an id
 * of a check, rules of the house included: *ret_len bytes there. NULL: there is none.
 */
const char *look_unknown(const struct look_options *o, const char *list, size_t *ret_len);

/* Nest what is explained below what explains it, then rank. Pure; called by look_next(). */
void rank_findings(struct finding **finding, size_t n);

/*
 * Sets known_cause of what stands alone and follows from one of the n_known findings that are
 * accepted: they are not told, but what they bring about is.
 */
void rank_known(
	struct finding *const *finding, size_t n, struct finding *const *known, size_t n_known);

#endif
