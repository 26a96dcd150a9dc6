/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB UINT64_C(1048576)
#define BYTES_PER_S "2097152"

enum { BLOCK = 65536 };

/* Reads of this device wait for their turn: in a group of our own, which only the reader is in. */
static int slow_down(struct scene *s, const struct disk *d, struct cgroup *g)
{
	char text[64];
	int err = cgroup_new(s, "blkio", g);

	if (err < 0)
		return err;
	snprintf(text, sizeof(text),
		g->version == 1 ? "%u:%u " BYTES_PER_S : "%u:%u rbps=" BYTES_PER_S, d->major,
		d->minor);
	return cgroup_set(g, "blkio.throttle.read_bps_device", "io.max", text);
}

/* Past the page cache, so that each read is one of the device. */
static void read_for_ever(const char *path, const struct cgroup *g)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	void *block = NULL;

	if (fd < 0 || cgroup_enter(g) < 0 || posix_memalign(&block, 4096, BLOCK) != 0)
		_exit(1);
	for (off_t at = 0;; at = (at + BLOCK) % (off_t)(16 * MIB)) {
		if (pread(fd, block, BLOCK, at) != BLOCK)
			_exit(1);
	}
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	struct disk d;
	char path[128];
	int err = disk_new(s, 64 * MIB, 0, &d);

	if (err == 0)
		err = slow_down(s, &d, &g);
	if (err < 0)
		return err;
	snprintf(path, sizeof(path), "%s/data", d.target);
	err = scene_file(s, path + strlen(s->dir) + 1, 16 * MIB);
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-reader");

	if (pid == 0)
		read_for_ever(path, &g);
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
	.settle_s = 2,
	.run = run,
};
