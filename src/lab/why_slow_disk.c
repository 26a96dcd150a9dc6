/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

#define MIB UINT64_C(1048576)

enum { BLOCK = 65536 };

/* Reads of this device wait for their turn: in a group of our own, which only the reader is in. */
static const struct io_limit slow = { "blkio.throttle.read_bps_device", "rbps", 2 * MIB };

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	struct disk d;
	int err = disk_new(s, 64 * MIB, 0, &d);

	if (err == 0)
		err = disk_data(&d, 16 * MIB);
	if (err == 0)
		err = cgroup_new(s, "blkio", &g);
	if (err == 0)
		err = limit_set(&g, &d, &slow);
	if (err < 0)
		return err;
	pid_t pid = limit_reader(s, "lab-reader", &g, &d, 16 * MIB, BLOCK);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-reader (pid %d) reads from %s (%s), which gives 2 MiB/s", (int)pid,
		d.target, d.device);
	scene_why(s, pid, "disk", "a block device");
	return scene_hold(s);
}

const struct lab lab_why_slow_disk = {
	.name = "why-slow-disk",
	.story = "A process reads from a disk that is slow",
	.also = { "io.saturated", "io.ceiling" },
	.bounds = "64 MiB of disk, a loop device, its reads at 2 MiB/s",
	.root = true,
	.why = true,
	.settle_s = 2,
	.run = run,
};
