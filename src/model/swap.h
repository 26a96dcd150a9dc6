/* SPDX-License-Identifier: MIT */
/* Swap areas, the devices below them, and who pays for what lies there. */
#ifndef MURPHY_MODEL_SWAP_H
#define MURPHY_MODEL_SWAP_H

#include "model/disks.h"

enum { SWAP_AREAS_MAX = 8, SWAP_OWNERS = 5, SWAP_READERS = 16 };

struct swap_area {
	const struct swap *row;
	const char *path;
	const struct disk_load *disk; /* below it; NULL: unknown */
};

struct swap_owner {
	uint64_t pid;
	uint64_t swap_bytes;
};

/* A process that has memory in swap and had to wait for pages from a disk. */
struct swap_reader {
	uint64_t pid;
	uint64_t swap_bytes;
	double faults_per_s; /* major ones: a file's page counts too */
	/*
	 * Share of the look in which its threads together waited for them: as the kernel counted,
	 * else faults times what a read of the device takes; may exceed 1. Absent: neither is
	 * known.
	 */
	struct reading wait_ratio;
};

struct swap_model {
	enum state state; /* of the table swap */
	struct swap_area area[SWAP_AREAS_MAX];
	size_t n_areas;
	/* The area that is used most: what a page costs. NULL: no area. */
	const struct swap_area *main;
	struct reading in_pages_per_s, out_pages_per_s;
	struct reading
		file_refaults_per_s; /* pages of files, read again soon after they were dropped */
	struct swap_owner owner[SWAP_OWNERS]; /* most first */
	size_t n_owners;
	struct swap_reader reader[SWAP_READERS]; /* who waits most first */
	size_t n_readers;
};

#endif
