/* SPDX-License-Identifier: MIT */
/* Column kind of mem_series: what the points of the series are. */
#ifndef MURPHY_SAMPLE_SERIES_KIND_H
#define MURPHY_SAMPLE_SERIES_KIND_H

enum series_kind {
	SERIES_PROCESS, /* bytes of one process: anonymous, swapped out, its page tables */
	SERIES_GROUP,   /* the same of all processes of one name, divided by their number */
	SERIES_COUNT,   /* that number */
	SERIES_SHARED,  /* bytes of shared memory, of the whole machine */
};

#endif
