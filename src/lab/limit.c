/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

#include <errno.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)
enum { READERS = 3 };

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

static int new_group(struct scene *s, struct cgroup *g)
{
	int err = cgroup_new(s, "blkio", g);

	return err == -EOPNOTSUPP ? cgroup_new(s, "io", g) : err;
}

int limit_readers(struct scene *s, const struct io_limit *l, size_t part)
{
	struct cgroup g = { 0 };
	struct disk d;
	int err = disk_new(s, 96 * MIB, 0, &d);

	if (err == 0)
		err = disk_data(&d, 64 * MIB);
	if (err == 0)
		err = new_group(s, &g);
	if (err == 0)
		err = limit_set(&g, &d, l);
	for (int i = 0; i < READERS && err == 0; i++) {
		pid_t pid = scene_child(s, "lab-reader");

		if (pid < 0)
			err = pid;
		if (pid != 0)
			continue;
		if (cgroup_enter(&g) < 0)
			_exit(1);
		disk_read(&d, 64 * MIB, part);
	}
	if (err < 0)
		return err;
	scene_say(s, "%d processes lab-reader read %s; their group %s may do %s %lu there", READERS,
		d.device, g.path, g.version == 1 ? l->v1 : l->v2, l->value);
	scene_culprit(s, "cgroup", 0, g.path);
	return 0;
}
