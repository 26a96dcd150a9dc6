/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

static int run(struct scene *s)
{
	static const struct io_limit limit = { "blkio.throttle.read_iops_device", "riops", 100 };
	int err = limit_readers(s, &limit, 4096);

	return err < 0 ? err : scene_hold(s);
}

const struct lab lab_io_ceiling_iops = {
	.name = "io-ceiling-iops",
	.story = "A control group may do 100 reads a second, as a small cloud volume does",
	.want = "io.ceiling",
	.bounds = "96 MiB of disk, a loop device, an own cgroup",
	.root = true,
	.settle_s = 2,
	.run = run,
};
