/* SPDX-License-Identifier: MIT */
#include "source/cpus.h"

#include "base/cursor.h"

#include <stdio.h>
#include <string.h>

bool cpus_number(const char *name, uint64_t *ret_cpu)
{
	struct cursor c = cursor_of(name, strlen(name));

	return cursor_lit(&c, "cpu") && cursor_u64(&c, ret_cpu) && cursor_end(&c);
}

bool cpus_off(struct probe *p, uint64_t cpu)
{
	uint64_t online;
	char path[64];

	snprintf(path, sizeof(path), CPUS "/cpu%llu/online", (unsigned long long)cpu);
	return probe_number(p, path, &online) == 0 && online == 0;
}
