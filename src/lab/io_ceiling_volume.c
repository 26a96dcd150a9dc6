/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

static int run(struct scene *s)
{
	struct slow_disk d;
	int err = limit_crowd(s, &d);

	return err < 0 ? err : scene_hold(s);
}

const struct lab lab_io_ceiling_volume = {
	.name = "io-ceiling-volume",
	.story = "A volume gives so many bytes a second and no more, as one that was rented does",
	.want = "io.ceiling",
	.bounds = "160 MiB of disk, two loop devices at 4 MiB/s",
	.root = true,
	.settle_s = 3,
	.run = run,
};
