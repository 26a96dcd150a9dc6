/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_BASE_HASH_H
#define MURPHY_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits: short names to keys that mean the same on every machine. */
static inline uint64_t hash_fnv64(const char *bytes, size_t len)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return h;
}

#endif
