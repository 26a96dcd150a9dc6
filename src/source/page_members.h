/* SPDX-License-Identifier: MIT */
/* Processes and groups whose memory is asked for, and the rows that come of it. */
#ifndef MURPHY_SOURCE_PAGE_MEMBERS_H
#define MURPHY_SOURCE_PAGE_MEMBERS_H

#include "source/page_process.h"
#include "source/proc.h"

struct page_member_of {
	uint64_t pid;
	uint32_t group; /* in page_members.group */
	int err;        /* why nothing is known of it */
	uint64_t twin;  /* whose address space it shares; 0: its own */
	bool measured;
	bool gone; /* it has ended: it is no member any more */
	struct mem_status status;
	struct page_result result;
};

struct page_group_of {
	uint64_t number; /* as asked */
	size_t first, n; /* its members */
	uint64_t live, measured;
	bool known;                 /* pss and uss are */
	bool partial;               /* exclusive and shared are not: page_meter.partial */
	double sizes[PAGE_PARTS];   /* pages of all members */
	double sized[PAGE_PARTS];   /* and of those that were measured */
	uint64_t rss, swap, tables; /* bytes */
	struct page_estimate pss;
	double uss, exclusive, shared; /* pages */
};

struct page_members {
	struct probe *probe;
	struct page_meter meter;
	struct page_member_of *member;  /* by group and pid */
	struct page_member_of **by_pid; /* once page_members_status() has read them */
	size_t n;
	struct page_group_of *group;
	size_t n_groups;
	bool bounds;      /* no page was looked at: what is one's own is not known */
	uint64_t *common; /* by group: page_counts.common */
	struct tally tally;
	uint64_t read; /* members whose status was read */
	uint64_t start_ns;
};

/* All that is asked of the four tables. 0 or -ENOMEM. */
int page_members_init(struct page_members *all, struct probe *p);
void page_members_release(struct page_members *all);

/* Read the status of as many as half of the time is enough for, and sum it up. 0 or -ENOMEM. */
int page_members_status(struct page_members *all);

/* The member, NULL when it was not asked for. */
struct page_member_of *page_members_find(const struct page_members *all, uint64_t pid);

/* It has ended since: take it out of its group's sums. */
void page_member_gone(struct page_members *all, struct page_member_of *one);

/* It runs another program now: read its status anew. 0 or -errno. */
int page_member_again(struct page_members *all, struct page_member_of *one);

/* What a member's PSS is likely to be, from its status. */
double page_member_likely(const struct page_members *all, const struct page_member_of *one);

/* The rows. 0 or -ENOMEM. */
int page_members_rows(struct page_members *all);

/* State of the tables after the walk; denied says what would help. */
void page_members_close(struct page_members *all, bool late, const char *denied);

/* The same state and reason for all four tables. */
void page_members_fail(struct probe *p, enum state state, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
