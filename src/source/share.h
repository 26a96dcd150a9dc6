/* SPDX-License-Identifier: MIT */
/* What the sources of process_share and group_share share: who was asked for, and the rows. */
#ifndef MURPHY_SOURCE_SHARE_H
#define MURPHY_SOURCE_SHARE_H

#include "source/source.h"

/* One process that was asked for. Bytes count once measured. */
struct share {
	uint64_t pid, group;
	uint32_t group_at; /* in shares.group */
	bool measured;
	bool gone; /* ended meanwhile: no member, not even an unknown one */
	uint64_t twin;
	double rss, pss, uss, swap, swap_pss, tables;
};

struct share_group {
	uint64_t group;
	bool split; /* exclusive and shared are known */
	double exclusive, shared;
};

struct shares {
	struct share *process; /* sorted by pid */
	size_t n;
	struct share_group *group; /* sorted */
	size_t n_groups;
};

/* Does anybody want them exact? */
bool shares_exact(const struct probe *p);

/* All that is asked of both tables. 0 or -ENOMEM. */
int shares_init(struct shares *s, const struct probe *p);
void shares_release(struct shares *s);

/* The process, NULL when it was not asked for. */
struct share *shares_find(const struct shares *s, uint64_t pid);

/*
 * Rows for what was measured, and for all groups; the tables are OK. Processes that were asked for,
 * live and were not measured are counted as lost, because of why. 0 or -ENOMEM.
 */
int shares_rows(const struct shares *s, struct probe *p, const char *why);

/* The same state and reason for both tables. */
void shares_fail(struct probe *p, enum state state, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
