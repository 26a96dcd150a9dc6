/* SPDX-License-Identifier: MIT */
/* A CPU that is alone with the packets: what is known of it, and what to do. */
#ifndef MURPHY_CHECK_NET_SOFTIRQ_H
#define MURPHY_CHECK_NET_SOFTIRQ_H

#include "check/check.h"

/* It has other work as well, and falls behind; below it, it had time that came too late. */
#define SOFTIRQ_BEHIND_RATIO 0.5
#define SOFTIRQ_BUSY_RATIO 0.9

struct core {
	const struct softnet *row;
	struct reading softirq; /* share of its time, that of ksoftirqd included */
	struct reading idle;    /* likewise */
	double processed, dropped, squeezed, limited, steered, rounds;
	double others; /* rounds of disks and drivers */
	double share;  /* of the packets of all CPUs */
	bool loses;    /* enough of them to matter */
};

/* Settings of net.core, and the interrupt lines of link that fire on that CPU. link may be NULL. */
void net_softirq_evidence(struct judgement *j, const struct model *m, struct finding *f,
	const struct core *c, const struct link *link);

void net_softirq_todo(struct judgement *j, const struct model *m, struct finding *f,
	const struct core *c, const struct link *link);

#endif
