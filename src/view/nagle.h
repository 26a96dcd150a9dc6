/* SPDX-License-Identifier: MIT */
/* murphy tcp nagle: what was held of whom, the connections of a process to a peer together. */
#ifndef MURPHY_VIEW_NAGLE_H
#define MURPHY_VIEW_NAGLE_H

#include "base/arena.h"
#include "sample/frame.h"

/* What one process has written to one peer; where it is not known, what one connection has. */
struct nagle_group {
	uint64_t netns, pid; /* pid 0: not one that murphy can see */
	const char *command; /* NULL: not known */
	const char *local, *peer;
	uint32_t local_port, peer_port; /* 0: several */
	size_t connections;
	uint64_t sends, holds, held_ns, longest_ns, stalls, stalled_ns, answered, delayed_acks;
	const struct nagle_hold *worst; /* of its connections the one that was held longest */
	uint64_t acker_pid;             /* whose delayed ACKs were seen; 0: not known */
	const char *acker;              /* its name, NULL: not known */
};

struct nagle_report {
	const struct frame *frame, *was; /* was: for the names of what has ended since */
	uint64_t pid;                    /* only this process; 0: all */
	uint32_t port;                   /* only connections with this port; 0: all */
	size_t top;                      /* rows to show; 0: all */
	/* set by nagle_view() */
	const struct nagle_watch *watch; /* NULL: nothing was watched, */
	const char *why;                 /* because of this */
	enum state state;
	struct nagle_group *group; /* most time lost first */
	size_t n;
	uint64_t holds, held_ns, stalls, stalled_ns; /* of all groups */
};

/* 0 or -ENOMEM; what it makes is in a. */
int nagle_view(struct nagle_report *r, struct arena *a);

/* Somebody waited for an answer: more than one stall, and data came after one. */
bool nagle_waits(const struct nagle_group *g);

#endif
