/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

#include "lab/undo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MIB UINT64_C(1048576)
enum { READERS = 3, SCANNERS = 8 };

/* Of 64 KiB six make a tenth of a second of 4 MiB/s: one more or less is not even. */
#define SCAN_BYTES 16384

int limit_set(const struct cgroup *g, const struct disk *d, const struct io_limit *l)
{
	char text[64], max[24] = "max";

	if (l->value > 0)
		snprintf(max, sizeof(max), "%lu", l->value);
	if (g->version == 1)
		snprintf(text, sizeof(text), "%u:%u %lu", d->major, d->minor, l->value);
	else
		snprintf(text, sizeof(text), "%u:%u %s=%s", d->major, d->minor, l->v2, max);
	return cgroup_set(g, l->v1, "io.max", text);
}

pid_t limit_reader(struct scene *s, const char *comm, const struct cgroup *g, const struct disk *d,
	uint64_t bytes, size_t part)
{
	pid_t pid = scene_child(s, comm);

	if (pid != 0)
		return pid;
	if (cgroup_enter(g) < 0)
		_exit(1);
	disk_read(d, bytes, part);
}

int limit_readers(struct scene *s, const struct io_limit *l, size_t part)
{
	struct cgroup g = { 0 };
	struct disk d;
	int err = disk_new(s, 96 * MIB, 0, &d);

	if (err == 0)
		err = disk_data(&d, 64 * MIB);
	if (err == 0)
		err = cgroup_new(s, "blkio", &g);
	if (err == 0)
		err = limit_set(&g, &d, l);
	for (int i = 0; i < READERS && err == 0; i++) {
		pid_t pid = limit_reader(s, "lab-reader", &g, &d, 64 * MIB, part);

		err = pid < 0 ? pid : 0;
	}
	if (err < 0)
		return err;
	scene_say(s, "%d processes lab-reader read %s; their group %s may do %s %lu there", READERS,
		d.device, g.path, g.version == 1 ? l->v1 : l->v2, l->value);
	scene_culprit(s, "cgroup", 0, g.path);
	return 0;
}

static const struct io_limit slow = { "blkio.throttle.read_bps_device", "rbps", 4194304 };

int limit_root(struct scene *s, const struct disk *d, const struct io_limit *l, struct cgroup *g)
{
	char file[256], text[48];
	int err = cgroup_new(s, "blkio", g);

	if (err == 0 && g->version == 1) {
		snprintf(g->dir + strlen(g->dir), sizeof(g->dir) - strlen(g->dir), "/..");
		snprintf(file, sizeof(file), "%s/%s", g->dir, l->v1);
		snprintf(text, sizeof(text), "%u:%u 0", d->major, d->minor);
		err = undo_add(s->undo, UNDO_WRITE, file, text);
	}
	return err < 0 ? err : limit_set(g, d, l);
}

int limit_waver(const struct cgroup *g, const struct disk *d, const struct io_limit *l)
{
	int err = 0;

	for (unsigned i = 0; err == 0; i++) {
		struct io_limit now = { l->v1, l->v2, i % 2 ? 6 * MIB : 2 * MIB };

		err = limit_set(g, d, &now);
		scene_nap(150);
	}
	return err;
}

static pid_t reader(struct scene *s, const struct disk *d, const struct cgroup *g, const char *comm,
	size_t part)
{
	pid_t pid = scene_child(s, comm);

	if (pid != 0)
		return pid;
	/* A job of its own. */
	if (part < SCAN_BYTES)
		setsid();
	if (g->version == 2 && cgroup_enter(g) < 0)
		_exit(1);
	disk_read(d, 64 * MIB, part);
}

int limit_crowd(struct scene *s, struct slow_disk *ret)
{
	struct disk below;
	int err = disk_new(s, 160 * MIB, 0, &below);

	if (err == 0)
		err = disk_upon(s, &below, 96 * MIB, &ret->disk);
	if (err == 0)
		err = disk_data(&ret->disk, 64 * MIB);
	if (err == 0)
		/* What lies below is slow. */
		err = limit_root(s, &below, &slow, &ret->group);
	ret->below = below;
	ret->limit = &slow;
	for (int i = 0; i < SCANNERS && err == 0; i++) {
		pid_t pid = reader(s, &ret->disk, &ret->group, "lab-scan", SCAN_BYTES);

		err = pid < 0 ? pid : 0;
	}
	pid_t victim = err < 0 ? err : reader(s, &ret->disk, &ret->group, "lab-victim", 4096);

	if (victim < 0)
		return victim;
	scene_say(s,
		"%d processes lab-scan read all that %s gives; lab-victim (pid %d) waits for it "
		"too",
		SCANNERS, ret->disk.device, (int)victim);
	scene_culprit(s, "device", 0, ret->disk.device);
	return 0;
}
