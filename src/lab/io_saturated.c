/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

#include "lab/undo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB UINT64_C(1048576)
enum { SCANNERS = 8 };

static const struct io_limit slow = { "blkio.throttle.read_bps_device", "rbps", 4194304 };

/*
 * What lies below the disk is slow, and unsteady as a disk is: its own limit changes all the time.
 * Version 1 knows whose I/O on a loop device it was only as the root's; version 2 as the reader's.
 */
static int slow_down(struct scene *s, const struct disk *below, struct cgroup *g)
{
	char file[256], text[48];
	int err = cgroup_new(s, "blkio", g);

	if (err == -EOPNOTSUPP)
		return cgroup_new(s, "io", g);
	if (err < 0)
		return err;
	snprintf(g->dir + strlen(g->dir), sizeof(g->dir) - strlen(g->dir), "/..");
	snprintf(file, sizeof(file), "%s/%s", g->dir, slow.v1);
	snprintf(text, sizeof(text), "%u:%u 0", below->major, below->minor);
	return undo_add(s->undo, UNDO_WRITE, file, text);
}

static pid_t reader(struct scene *s, const struct disk *d, const struct cgroup *g, const char *comm,
	size_t part)
{
	pid_t pid = scene_child(s, comm);

	if (pid != 0)
		return pid;
	/* A job of its own. */
	if (part < 65536)
		setsid();
	if (g->version == 2 && cgroup_enter(g) < 0)
		_exit(1);
	disk_read(d, 64 * MIB, part);
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	struct disk below, d;
	int err = disk_new(s, 160 * MIB, 0, &below);

	if (err == 0)
		err = disk_upon(s, &below, 96 * MIB, &d);
	if (err == 0)
		err = disk_data(&d, 64 * MIB);
	if (err == 0)
		err = slow_down(s, &below, &g);
	for (int i = 0; i < SCANNERS && err == 0; i++) {
		pid_t pid = reader(s, &d, &g, "lab-scan", 65536);

		err = pid < 0 ? pid : 0;
	}
	pid_t victim = err < 0 ? err : reader(s, &d, &g, "lab-victim", 4096);

	if (victim < 0)
		return victim;
	scene_say(s,
		"%d processes lab-scan read all that %s gives; lab-victim (pid %d) waits for it "
		"too",
		SCANNERS, d.device, (int)victim);
	scene_culprit(s, "device", 0, d.device);
	scene_ready(s);
	for (unsigned i = 0;; i = i * 1103515245 + 12345) {
		struct io_limit now = slow;

		now.value = 1 * MIB + i / 65536 % 8 * MIB;
		err = limit_set(&g, &below, &now);
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
