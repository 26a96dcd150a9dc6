/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the TCP sockets that a source reads, namespace by namespace: counted by state and
 * verdict, grouped into flows, and those that somebody wants made rows.
 */
#ifndef MURPHY_SOURCE_TCP_TAKE_H
#define MURPHY_SOURCE_TCP_TAKE_H

#include "source/source.h"
#include "source/tcp_diag.h"
#include "source/tcp_flows.h"

enum { TCP_TAKE_VERDICTS = 32 };

/* The sockets of one namespace. */
struct tcp_take {
	struct probe *probe;
	struct table *sockets; /* NULL: only totals are needed */
	uint64_t netns;
	uint64_t count[TCP_STATES]; /* by state, both families */
	uint64_t tally[TCP_STATES][TCP_TAKE_VERDICTS];
	size_t fine;            /* rows without anything wrong */
	bool judged, exact;     /* somebody has a verdict of each; somebody wants all */
	struct tcp_flows flows; /* only when they are needed */
	bool count_flows;
	bool interrupted; /* the kernel's table changed while it was read */
};

/* One socket that was read. 0 or -ENOMEM. */
int tcp_take_socket(struct tcp_take *to, struct tcp_diag *diag);

/* n more in that state, of which nothing is known but that they are healthy. */
void tcp_take_quiet(struct tcp_take *to, uint32_t state, uint64_t n);

/* False: the number of those that are healthy will do. */
bool tcp_take_wants_all(struct probe *p);

/*
 * Read all namespaces: dump() hands every socket of the one with inode netns, in which process pid
 * is (0, 0: its own), to tcp_take_socket(). It returns 0, or -errno: of its own namespace that is
 * the source's error. All tables of p that a source of sockets fills are marked.
 */
int tcp_take_all(struct probe *p, int (*dump)(struct tcp_take *to, uint64_t pid));

#endif
