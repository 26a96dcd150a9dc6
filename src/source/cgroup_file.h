/* SPDX-License-Identifier: MIT */
/* The files of a control group, and what each says about it. */
#ifndef MURPHY_SOURCE_CGROUP_FILE_H
#define MURPHY_SOURCE_CGROUP_FILE_H

#include "sample/tables.h"

enum cgroup_controller {
	CGROUP_CORE = 1 << 0, /* version 2: in every group */
	CGROUP_MEMORY = 1 << 1,
	CGROUP_CPU = 1 << 2,
	CGROUP_CPUACCT = 1 << 3,
	CGROUP_PIDS = 1 << 4,
	CGROUP_IO = 1 << 5, /* blkio of version 1 */
};

struct cgroup_file {
	const char *name;
	uint32_t version, controller;
	unsigned int column; /* of a file with one number, and */
	uint64_t scale;      /* what its number is worth */
	int (*parse)(const char *buf, size_t len, struct cgroup *row); /* of other files */
	/*
	 * Read only when this column already has a value (0: always): without a limit the kernel
	 * counts no hits of it.
	 */
	unsigned int given;
};

/* Ends with a NULL name. The first file of a controller is in every group that has it. */
extern const struct cgroup_file cgroup_files[];

/* Bits for a list of controllers, separated by commas or blanks, of that version. */
uint32_t cgroup_controllers(const char *list, size_t len, uint32_t version);

/* What bytes of a file say, into row. 0, -EINVAL or -ENODATA. */
int cgroup_file_parse(const struct cgroup_file *f, const char *buf, size_t len, struct cgroup *row);

#endif
