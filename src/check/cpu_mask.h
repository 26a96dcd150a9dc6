/* SPDX-License-Identifier: MIT */
/* Sets of CPUs: read from the kernel's lists, written as the masks that rps_cpus wants. */
#ifndef MURPHY_CHECK_CPU_MASK_H
#define MURPHY_CHECK_CPU_MASK_H

#include "check/check.h"

enum { CPU_MASK_MAX = 8192 }; /* NR_CPUS of the largest configurations */

struct cpu_mask {
	uint32_t word[CPU_MASK_MAX / 32]; /* the first has CPU 0 as its lowest bit */
};

void cpu_mask_add(struct cpu_mask *mask, uint64_t cpu);
void cpu_mask_drop(struct cpu_mask *mask, uint64_t cpu);
bool cpu_mask_has(const struct cpu_mask *mask, uint64_t cpu);
unsigned int cpu_mask_count(const struct cpu_mask *mask);

/* Those of a and b. */
struct cpu_mask cpu_mask_both(const struct cpu_mask *a, const struct cpu_mask *b);

/* Read "0-3,8,10-11". False when it is anything else; *ret_mask is then as it was. */
bool cpu_mask_parse(const char *list, struct cpu_mask *ret_mask);

/*
 * As the kernel reads it (bitmap_parse()): hexadecimal, groups of 32 CPUs with commas between them,
 * the highest first: "f", "3,ffffffff".
 */
const char *cpu_mask_text(struct judgement *j, const struct cpu_mask *mask);

#endif
