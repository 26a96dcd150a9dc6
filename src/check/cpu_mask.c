/* SPDX-License-Identifier: MIT */
#include "check/cpu_mask.h"

#include "base/cursor.h"

#include <string.h>

enum { BITS = 32, WORDS = CPU_MASK_MAX / BITS };

void cpu_mask_add(struct cpu_mask *mask, uint64_t cpu)
{
	if (cpu < CPU_MASK_MAX)
		mask->word[cpu / BITS] |= 1U << (cpu % BITS);
}

void cpu_mask_drop(struct cpu_mask *mask, uint64_t cpu)
{
	if (cpu < CPU_MASK_MAX)
		mask->word[cpu / BITS] &= ~(1U << (cpu % BITS));
}

bool cpu_mask_has(const struct cpu_mask *mask, uint64_t cpu)
{
	return cpu < CPU_MASK_MAX && (mask->word[cpu / BITS] >> (cpu % BITS) & 1);
}

unsigned int cpu_mask_count(const struct cpu_mask *mask)
{
	unsigned int n = 0;

	for (size_t i = 0; i < WORDS; i++)
		n += (unsigned int)__builtin_popcount(mask->word[i]);
	return n;
}

struct cpu_mask cpu_mask_both(const struct cpu_mask *a, const struct cpu_mask *b)
{
	struct cpu_mask both = { 0 };

	for (size_t i = 0; i < WORDS; i++)
		both.word[i] = a->word[i] & b->word[i];
	return both;
}

bool cpu_mask_parse(const char *list, struct cpu_mask *ret_mask)
{
	struct cursor c = cursor_of(list, strlen(list));
	struct cpu_mask mask = { 0 };

	do {
		uint64_t from, to;

		if (!cursor_u64(&c, &from))
			return false;
		to = from;
		if (cursor_lit(&c, "-") && !cursor_u64(&c, &to))
			return false;
		if (to < from || to >= CPU_MASK_MAX)
			return false;
		for (uint64_t cpu = from; cpu <= to; cpu++)
			cpu_mask_add(&mask, cpu);
	} while (cursor_lit(&c, ","));
	if (!cursor_end(&c))
		return false;
	*ret_mask = mask;
	return true;
}

const char *cpu_mask_text(struct judgement *j, const struct cpu_mask *mask)
{
	size_t i = WORDS - 1;

	while (i > 0 && mask->word[i] == 0)
		i--;
	const char *text = judge_text(j, "%x", mask->word[i]);

	while (i-- > 0)
		text = judge_text(j, "%s,%08x", text, mask->word[i]);
	return text;
}
