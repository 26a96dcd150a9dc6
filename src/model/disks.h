/* SPDX-License-Identifier: MIT */
/* Block devices over the look: what they did and how long it took. */
#ifndef MURPHY_MODEL_DISKS_H
#define MURPHY_MODEL_DISKS_H

#include "model/model.h"

/* Members that the data outlives: all copies but one, one of raid4 and 5, two of raid6. */
uint64_t disks_may_lose(const char *level, uint64_t members);

struct disk_load {
	const struct disk *row; /* of the frame's disk table */
	const char *name;
	bool partition;
	const char *below, *made_by, *map; /* of maps and arrays, as the table has them; "" */
	const struct md *array;            /* as /proc/mdstat has it; NULL */
	const char *failed;       /* its members that are marked so, joined by a blank; "" */
	bool quiet;               /* nothing completed over the look and nothing in flight */
	struct reading completed; /* requests over the look, reads and writes */
	struct reading reads_per_s, writes_per_s;
	struct reading read_bytes_per_s, written_bytes_per_s;
	struct reading read_wait_ns, write_wait_ns; /* mean time of one; absent: there was none */
	struct reading wait_ns;                     /* mean time of one of either kind */
	struct reading request_bytes;               /* mean size of one */
	struct reading busy_ratio;                  /* time with a request in flight */
	struct reading queue;                       /* mean requests in flight */
};

struct disks_model {
	struct disk_load *disk;           /* in the order of the table */
	const struct disk_load **by_name; /* the same, sorted */
	size_t n;
	enum state state;
	/* Whole devices, loops and maps left out: their bytes are those of what lies below. */
	struct reading read_bytes_per_s, written_bytes_per_s;
	const struct disk_load *slowest; /* longest mean wait of those that did something; NULL */
	const struct disk_load *busiest; /* highest busy_ratio; NULL */
};

/* The load of device dev (major << 32 | minor), NULL when there is none. dm may be NULL. */
const struct disk_load *disks_find(const struct disks_model *dm, uint64_t dev);

/* The whole device that a partition is of, by its name; itself when it is none. Never NULL. */
const struct disk_load *disks_whole(const struct disks_model *dm, const struct disk_load *d);

/* The same by name: "sda1", "/dev/sda1". */
const struct disk_load *disks_named(const struct disks_model *dm, const char *name);

/* The device that a mount is of: by its number, else by "/dev/sda1", "/dev/mapper/x"; NULL. */
const struct disk_load *disks_mounted(
	const struct disks_model *dm, uint64_t dev, const char *source);

enum disks_rest {
	REST_NOT,
	REST_OUTLIVES, /* through an array or paths that can lose it */
	REST_MAY_NEED, /* through LVM's own RAID, whose level is not known */
	REST_NEEDS,
};

/*
 * Which devices lie on the disk of that name, which may be gone, through maps, arrays and
 * partitions: of each in rest, dm->n of enum disks_rest, in the order of dm->disk.
 */
void disks_rest(const struct disks_model *dm, const char *name, uint8_t *rest);

/* Is the disk of that name, which rest is about, one of several paths of a multipath map? */
bool disks_is_path(const struct disks_model *dm, const char *name, const uint8_t *rest);

#endif
