/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)

/* Also the kernel's notes of what was dropped: the next copy is of another file, so to say. */
static void forget(const struct scene *s)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/from", s->dir);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* Its cache hits the group's limit all the time, and nobody needs again what is dropped. */
static int run(struct scene *s)
{
	static const char *const cp[] = { "cp", "--reflink=never", "from", "to", NULL };
	struct cgroup g = { 0 };
	int err = cgroup_new(s, "memory", &g);

	if (err == 0)
		err = cgroup_set(&g, "memory.limit_in_bytes", "memory.max", "134217728");
	if (err == 0)
		err = scene_dir(s, 1024 * MIB);
	if (err == 0)
		err = scene_file(s, "from", 512 * MIB);
	if (err == 0)
		err = cgroup_enter(&g);
	if (err < 0)
		return err;
	scene_say(s, "cp copies 512 MiB in %s, which may have 128 MiB", g.path);
	scene_ready(s);
	while (scene_command(s, NULL, cp) == 0)
		forget(s);
	return -ECHILD;
}

const struct lab lab_copy_limited = {
	.name = "copy-limited",
	.story = "A copy in a control group smaller than the file: at its limit, and well",
	.bounds = "128 MiB of memory in an own cgroup, 1 GiB of disk",
	.root = true,
	.settle_s = 2,
	.run = run,
};
