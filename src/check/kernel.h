/* SPDX-License-Identifier: MIT */
/* What the checks kernel.* share: events of the kernel log by the thing that they are about. */
#ifndef MURPHY_CHECK_KERNEL_H
#define MURPHY_CHECK_KERNEL_H

#include "check/check.h"
#include "sample/klog_kind.h"

/*
 * The log is a ring of days or weeks, and what it tells may long be mended. So the checks judge by
 * age: within the hour somebody still feels it; within a day an administrator wants to hear of it
 * unasked; what is older, or of unknown age, is silent or info.
 */
#define KERNEL_HOUR_NS (3600ull * 1000000000u)
#define KERNEL_DAY_NS (24 * KERNEL_HOUR_NS)

/* A table has no more rows than that unless a stranger made it. */
enum { KERNEL_KINDS_MAX = 6, KERNEL_THINGS_MAX = 2048 };

struct kernel_count {
	uint64_t n, hour, day; /* in the log; in the last hour; in the last day */
	const char *what;      /* of the last; "" */
	uint64_t last_ns;      /* boottime; 0: unknown */
};

struct kernel_thing {
	const char *name; /* program or device; "" */
	struct kernel_count of[KERNEL_KINDS_MAX], all;
	uint64_t first_ns, last_ns; /* boottime; 0: unknown */
	uint64_t pid;               /* of the last; 0: none */
	uint64_t sequence;          /* of the last row */
};

struct kernel_things {
	struct kernel_thing *at; /* in the judgement's arena; NULL when there are none */
	size_t n;
	bool lost; /* some of these kinds, of the last day, are summed up without their names */
};

/*
 * Fold the log's events of kinds (ends with NULL) by what name_of says of a name (NULL: itself);
 * what has no name any more (NULL) is left out. Texts belong to the frame, or to j.
 */
void kernel_fold(struct judgement *j, const struct model *m, const char *const *kinds,
	const char *(*name_of)(struct judgement *j, const struct model *m, const char *name),
	struct kernel_things *ret);

/* Which of kinds (ends with NULL) the row is of, -1: none. */
int kernel_kind(const struct table *t, const struct klog_event *e, const char *const *kinds);

/* SAD, or FINE; UNKNOWN instead of FINE where events of these kinds have lost their names. */
enum verdict kernel_verdict(struct judgement *j, const struct kernel_things *things, bool sad);

/* The thing of that name; NULL when there is none. */
const struct kernel_thing *kernel_named(const struct kernel_things *things, const char *name);

/* " 4 min ago", "" when the time is not known. */
const char *kernel_ago(struct judgement *j, const struct model *m, uint64_t at_ns);

/* ", the last 4 min ago", and so where the time is not known. */
const char *kernel_last(struct judgement *j, const struct model *m, uint64_t at_ns);

/* A minute without another one: what goes on now is to be read first (struct finding, past). */
bool kernel_over(const struct model *m, uint64_t last_ns);

/* Evidence: how many in the last hour (threshold and why), in the last day, in the whole log. */
void kernel_evidence(struct judgement *j, struct finding *f, const char *name,
	const struct kernel_count *c, double threshold, const char *why);

/* Where sticks and cards are mounted: pulled out without a word, they are one's own doing. */
bool kernel_removable(const char *target);

/* A device as an entity; name is copied. */
struct entity kernel_device(struct judgement *j, const char *name);

#endif
