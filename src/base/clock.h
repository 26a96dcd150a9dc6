/* SPDX-License-Identifier: MIT */
/* Clocks in nanoseconds. The clock of the machine looked at is host_boottime_ns(), not this one. */
#ifndef MURPHY_BASE_CLOCK_H
#define MURPHY_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_S 1000000000u

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

#endif
