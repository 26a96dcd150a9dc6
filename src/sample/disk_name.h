/* SPDX-License-Identifier: MIT */
/* What the kernel calls disks and their partitions: block/genhd.c, disk_name(). */
#ifndef MURPHY_SAMPLE_DISK_NAME_H
#define MURPHY_SAMPLE_DISK_NAME_H

#include "base/cursor.h"

/* name is disk, or a partition of it: "sda1", and "nvme0n1p1" where disk ends with a digit. */
bool disk_name_within(struct span name, struct span disk);

/*
 * The disk of a partition by its name alone, for one that is gone: "sda" of "sda1", "mmcblk0" of
 * "mmcblk0p2"; else the name itself.
 */
struct span disk_name_whole(struct span name);

#endif
