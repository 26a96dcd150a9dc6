/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#ifdef MURPHY_WITH_FAULT
#include <fcntl.h>
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef MURPHY_WITH_FAULT
bool fault_now(enum fault kind)
{
	static const char *const names[] = { "alloc:", "read:", "write:" };
	static long left[ARRAY_SIZE(names)];
	static bool armed;

	if (!armed) {
		const char *want = getenv("MURPHY_FAULT");

		armed = true;
		for (size_t i = 0; want && i < ARRAY_SIZE(names); i++) {
			if (strncmp(want, names[i], strlen(names[i])) == 0)
				left[i] = strtol(want + strlen(names[i]), NULL, 10);
		}
	}
	if (left[kind] == 0 || --left[kind] > 0)
		return false;
	/* The test stops when no call is left to fail. */
	const char *mark = getenv("MURPHY_FAULT_MARK");

	if (mark)
		close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return true;
}
#endif

void *mem_new(size_t n, size_t size)
{
	return fault_now(FAULT_ALLOC) ? NULL : calloc(n ? n : 1, size);
}

void *mem_resize(void *old, size_t n, size_t size)
{
	if (fault_now(FAULT_ALLOC))
		return NULL;
	return reallocarray(old, n ? n : 1, size);
}

char *mem_dup(const char *s, size_t len)
{
	char *copy = len < SIZE_MAX ? mem_new(len + 1, 1) : NULL;

	if (copy)
		memcpy(copy, s, len);
	return copy;
}
