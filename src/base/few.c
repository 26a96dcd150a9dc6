/* SPDX-License-Identifier: MIT */
#include "base/few.h"

#include <string.h>

bool few_open(void *row, size_t size, size_t *n, size_t max, size_t at)
{
	char *from = (char *)row + at * size;

	if (at >= max)
		return false;
	if (*n < max)
		(*n)++;
	memmove(from + size, from, (*n - at - 1) * size);
	return true;
}
