/* SPDX-License-Identifier: MIT */
/* A look at some processes for a while: murphy why. */
#ifndef MURPHY_LOOK_INQUIRY_H
#define MURPHY_LOOK_INQUIRY_H

#include "feed/feed.h"
#include "model/why.h"

enum target_kind { TARGET_PID, TARGET_UNIT, TARGET_PORT };

struct target {
	enum target_kind kind;
	uint64_t pid;
	uint32_t port;
	const char *unit; /* of systemd, with or without .service; or a control group's path */
	bool tree;        /* with its children, and theirs */
};

struct inquiry;

/*
 * Watch the processes of t for for_ns; of a root what its frames tell. 0; -ESRCH: there is no such
 * process, unit or listener; -ETIME: none was found, and what would tell was not read whole (see
 * inquiry_lacks()); -EACCES: there is a listener, and no process was seen to have it (see
 * inquiry_lacks()); -ECHILD: the processes ended meanwhile; -ENOMEM, or why a frame of a root
 * cannot be entered. *ret_inquiry is the caller's in any case but -ENOMEM.
 */
int inquiry_new(
	struct host *h, const struct target *t, uint64_t for_ns, struct inquiry **ret_inquiry);
void inquiry_free(struct inquiry *q);

/* What came of it; lives as long as q. */
const struct why *inquiry_why(const struct inquiry *q);
const struct model *inquiry_model(const struct inquiry *q);
const uint64_t *inquiry_pids(const struct inquiry *q, size_t *ret_n);

/*
 * What was not read whole, so that processes of the target may be missing: a table, its state and
 * why. NULL: all were seen.
 */
const char *inquiry_lacks(const struct inquiry *q);

/* CPU time of murphy and its readers, and wall time, for this inquiry. */
uint64_t inquiry_cpu_ns(const struct inquiry *q);
uint64_t inquiry_wall_ns(const struct inquiry *q);

#endif
