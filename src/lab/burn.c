/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <time.h>

void burn(unsigned ms)
{
	struct timespec t;
	uint64_t now, end = 0;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
		now = (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
		if (end == 0)
			end = now + ms;
	} while (ms == 0 || now < end);
}
