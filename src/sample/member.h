/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_SAMPLE_MEMBER_H
#define MURPHY_SAMPLE_MEMBER_H

#include <stdint.h>

/*
 * What is asked of process_share, group_share, shared_object and object_share: a process and the
 * number of the group that it is counted in.
 */
static inline uint64_t member_key(uint64_t group, uint64_t pid)
{
	return group << 32 | pid;
}

static inline uint64_t member_group(uint64_t key)
{
	return key >> 32;
}

static inline uint64_t member_pid(uint64_t key)
{
	return key & UINT32_MAX;
}

#endif
