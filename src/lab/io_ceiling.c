/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

static int run(struct scene *s)
{
	static const struct io_limit limit = { "blkio.throttle.read_bps_device", "rbps", 4194304 };
	int err = limit_readers(s, &limit, 16384);

	return err < 0 ? err : scene_hold(s);
}

const struct lab lab_io_ceiling = {
	.name = "io-ceiling",
	.story = "A control group may read 4 MiB a second, and its readers want more: the device "
		 "is idle",
	.want = "io.ceiling",
	.bounds = "96 MiB of disk, a loop device, an own cgroup",
	.root = true,
	.settle_s = 2,
	.run = run,
};
