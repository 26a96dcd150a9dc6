/* SPDX-License-Identifier: MIT */
#include "lab/guest.h"
#include "lab/limit.h"

#include <errno.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)
#define DIRTY_BYTES "16777216"

static const struct io_limit slow = { "blkio.throttle.write_bps_device", "wbps", 4 * MIB };

/*
 * Make the device slow. Version 1 throttles writeback as what it is, the flusher's, so in the root
 * group; version 2 knows whose pages they are, where it counts memory too.
 */
static int slow_down(struct scene *s, const struct disk *d, struct cgroup *g)
{
	struct cgroup memory;
	int err = limit_root(s, d, &slow, g);

	return err < 0 || g->version == 1 ? err : cgroup_new(s, "memory", &memory);
}

/* Its own small limit of dirty memory, so that nobody else on this machine is throttled. */
static int limit_dirty(struct scene *s, const struct disk *d)
{
	char file[96];

	snprintf(file, sizeof(file), "/sys/class/bdi/%u:%u/max_ratio", d->major, d->minor);
	int err = scene_knob(s, file, "1");

	if (err < 0)
		return err;
	/* Finer, where there is it (6.2); putting max_ratio back undoes both. */
	snprintf(file, sizeof(file), "/sys/class/bdi/%u:%u/max_bytes", d->major, d->minor);
	scene_write(file, DIRTY_BYTES);
	snprintf(file, sizeof(file), "/sys/class/bdi/%u:%u/strict_limit", d->major, d->minor);
	err = scene_knob(s, file, "1");
	/* Before 6.2 the limit can only be everybody's: where nobody else is. */
	if (err == -ENOENT && guest_inside())
		return scene_knob(s, "/proc/sys/vm/dirty_ratio", "1");
	return err == -ENOENT ? scene_skip(s, "%s: this kernel does not have it", file) : err;
}

static void pour(const struct disk *d, const struct cgroup *g)
{
	static const char block[65536];
	int fd = disk_open(d, "stream");

	if (fd < 0)
		_exit(1);
	if (g->version == 2 && cgroup_enter(g) < 0)
		_exit(1);
	for (off_t at = 0;; at = (at + (off_t)sizeof(block)) % (off_t)(192 * MIB)) {
		if (pwrite(fd, block, sizeof(block), at) < 0)
			_exit(1);
	}
}

/* A service of its own: not the copy's job, so what it waits is harm, in fsync as in write. */
static void commit(const struct disk *d)
{
	int fd = setsid() < 0 ? -1 : disk_open(d, "journal");

	if (fd < 0)
		_exit(1);
	for (;;) {
		if (pwrite(fd, "commit\n", 7, 0) < 0 || fsync(fd) < 0)
			_exit(1);
		scene_nap(20);
	}
}

static int run(struct scene *s)
{
	struct disk d;
	struct cgroup g = { 0 };
	int err = disk_new(s, 256 * MIB, 0, &d);

	if (err == 0)
		err = slow_down(s, &d, &g);
	if (err == 0)
		err = limit_dirty(s, &d);
	if (err < 0)
		return err;
	pid_t pid = 0;

	/* Two, so that one is held back at any moment: who is let through runs for a moment. */
	for (int i = 0; i < 2 && pid >= 0; i++) {
		pid = scene_child(s, "lab-pour");
		if (pid == 0)
			pour(&d, &g);
	}
	pid_t victim = scene_child(s, "lab-commit");

	if (victim == 0)
		commit(&d);
	if (pid < 0 || victim < 0)
		return -EAGAIN;
	err = scene_await(pid, 'D');
	if (err < 0)
		return err;
	scene_say(s,
		"lab-pour (pid %d) fills the dirty memory of %s at %s; lab-commit (pid %d) waits",
		(int)pid, d.device, d.target, (int)victim);
	scene_culprit(s, "device", 0, d.device);
	scene_culprit(s, "mount", 0, d.target);
	scene_culprit(s, "process", pid, "lab-pour");
	/* Version 1 throttles the flusher: a steady limit would be the cause, io.ceiling. */
	if (g.version == 2)
		return scene_hold(s);
	scene_ready(s);
	return limit_waver(&g, &d, &slow);
}

const struct lab lab_dirty_limit = {
	.name = "dirty-limit",
	.story = "A slow disk has more dirty pages than it may: writers are stopped, commits wait",
	.want = "io.writeback",
	.bounds = "16 MiB of dirty memory, 256 MiB of disk, a loop device at 3 to 5 MiB/s",
	.root = true,
	.settle_s = 6,
	.run = run,
};
