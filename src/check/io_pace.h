/* SPDX-License-Identifier: MIT */
/* How evenly a device worked over some tenths of a second: a limit is even, a disk is not. */
#ifndef MURPHY_CHECK_IO_PACE_H
#define MURPHY_CHECK_IO_PACE_H

#include "check/check.h"
#include "model/disks.h"

/* Each tenth of a second at most so far from their mean: slices of a throttle are 100 ms long. */
#define IO_PACE_SPREAD_RATIO 0.15

struct io_pace {
	double requests_per_s, bytes_per_s;
	double requests_spread,
		bytes_spread;           /* the largest distance from the mean, a share of it */
	bool even_requests, even_bytes; /* and as over the whole look */
	bool round; /* an even one is a number as people choose them: 100, 3000, 125 MiB */
};

/*
 * By the rows of disk_pace. False when there are none, too few requests to tell, or moments
 * without a request in flight: then nobody was held back.
 */
bool io_pace_of(const struct model *m, const struct disk_load *d, struct io_pace *ret_pace);

#endif
