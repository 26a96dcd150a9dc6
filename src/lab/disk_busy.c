/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>

#define MIB UINT64_C(1048576)

/* 100 % busy by iostat, and nobody waits for more than the device takes. */
static int run(struct scene *s)
{
	struct disk d;
	int err = disk_new(s, 96 * MIB, 0, &d);

	if (err == 0)
		err = disk_data(&d, 64 * MIB);
	for (int i = 0; i < 2 && err == 0; i++) {
		pid_t pid = scene_child(s, "lab-reader");

		if (pid == 0)
			disk_read(&d, 64 * MIB, 16384);
		err = pid < 0 ? pid : 0;
	}
	if (err < 0)
		return err;
	scene_say(s, "two readers keep %s busy all the time, and it is fast", d.device);
	return scene_hold(s);
}

const struct lab lab_disk_busy = {
	.name = "disk-busy",
	.story = "A fast device is busy all the time, without a queue",
	.bounds = "96 MiB of disk, a loop device, two CPUs' worth of reads",
	.root = true,
	.settle_s = 2,
	.run = run,
};
