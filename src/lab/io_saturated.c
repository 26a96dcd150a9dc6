/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

#define MIB 1048576UL

/* What lies below is slow, and unsteady as a disk is: its limit changes all the time. */
static int run(struct scene *s)
{
	struct slow_disk d;
	int err = limit_crowd(s, &d);

	if (err < 0)
		return err;
	scene_ready(s);
	for (unsigned i = 0;; i = i * 1103515245 + 12345) {
		struct io_limit now = { "blkio.throttle.read_bps_device", "rbps",
			MIB + i / 65536 % 8 * MIB };

		err = limit_set(&d.group, &d.below, &now);
		if (err < 0)
			return err;
		scene_nap(120);
	}
}

const struct lab lab_io_saturated = {
	.name = "io-saturated",
	.story = "A job reads all that a slow disk gives, and somebody else waits in its queue",
	.want = "io.saturated",
	.bounds = "160 MiB of disk, two loop devices at 1 to 8 MiB/s",
	.root = true,
	.settle_s = 3,
	.run = run,
};
