/* SPDX-License-Identifier: MIT */
/* File systems that can be filled: their space and inodes, and how fast they fill. */
#ifndef MURPHY_MODEL_SPACES_H
#define MURPHY_MODEL_SPACES_H

#include "model/model.h"

struct space {
	const struct mount
		*mount; /* of several the writable one that people know, else the shortest */
	uint64_t
		below_dev; /* of an overlay: of the file system whose space it takes, 0: not seen */
	const char *target, *fstype;
	uint64_t used_bytes, available_bytes; /* as df counts: for users */
	uint64_t reserved_bytes;              /* free, but only root may have it */
	double used_ratio;                    /* used / (used + available) */
	uint64_t inodes, free_inodes;         /* 0: not limited */
	struct reading inodes_ratio;          /* in use; absent: not limited */
	struct reading fill_bytes_per_s; /* used more by now; 0 when it shrank; absent: one frame */
	struct reading full_in_ns;       /* at that pace; absent: it does not fill */
};

struct spaces_model {
	/*
	 * One of each file system. Left out are those that are full by design (images, mounted
	 * read-only everywhere) and those that did not answer; file systems that share a pool are
	 * one.
	 */
	struct space *space;
	size_t n;
	enum state state; /* of the table mount_space */
};

/* The file system with that device number, NULL when it is not there. sm may be NULL. */
const struct space *spaces_find(const struct spaces_model *sm, uint64_t dev);

/*
 * The mount that path lies on: the one with the longest target that is a part of it. May be NULL.
 */
const struct mount *mount_of_path(const struct table *mounts, const char *path);

#endif
