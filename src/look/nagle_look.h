/* SPDX-License-Identifier: MIT */
/* Watch what Nagle's algorithm holds back: murphy tcp nagle. */
#ifndef MURPHY_LOOK_NAGLE_LOOK_H
#define MURPHY_LOOK_NAGLE_LOOK_H

#include "feed/feed.h"

struct nagle_look;

/* h must outlive it. 0 or -ENOMEM. */
int nagle_look_new(struct host *h, struct nagle_look **ret_look);
void nagle_look_free(struct nagle_look *l);

/*
 * Watch all sends for for_ns; pid is one that must be there, or 0. 0, also where watching was not
 * possible: the table says why; -ESRCH: there is no such process; -ENOMEM.
 */
int nagle_look_watch(struct nagle_look *l, uint64_t pid, uint64_t for_ns);

/* The tables nagle_hold, nagle_watch, process and socket_owner; processes that ended: was. */
const struct frame *nagle_look_frame(const struct nagle_look *l);
const struct frame *nagle_look_was(const struct nagle_look *l);

/* CPU time of murphy and its readers. */
uint64_t nagle_look_cpu_ns(const struct nagle_look *l);

#endif
