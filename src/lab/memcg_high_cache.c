/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)

/* Read a file from its start to its end, and again: as a backup does. */
static void read_on(const struct cgroup *g, const char *path)
{
	static char buf[1 << 18];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || cgroup_enter(g) < 0)
		_exit(1);
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0)
			_exit(1);
		/* The next round is of another file, so to say. */
		if (n == 0 && (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0 ||
				      lseek(fd, 0, SEEK_SET) < 0))
			_exit(1);
	}
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	char path[128];
	int err = cgroup_new(s, "memory", &g);

	if (err == 0 && g.version != 2)
		return scene_skip(s,
			"needs --guest: the memory controller here is of cgroup version "
			"1, which has no memory.high");
	if (err == 0)
		err = cgroup_set(&g, NULL, "memory.high", "67108864");
	if (err == 0)
		err = scene_dir(s, 256 * MIB);
	if (err == 0)
		err = scene_file(s, "data", 256 * MIB);
	if (err < 0)
		return err;
	snprintf(path, sizeof(path), "%s/data", s->dir);
	pid_t pid = scene_child(s, "lab-backup");

	if (pid < 0)
		return pid;
	if (pid == 0)
		read_on(&g, path);
	scene_say(s, "lab-backup (pid %d) reads 256 MiB in %s, whose memory.high is 64 MiB",
		(int)pid, g.path);
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_memcg_high_cache = {
	.name = "memcg-high-cache",
	.story = "A backup's page cache is always at memory.high, and nobody needs it again",
	.bounds = "64 MiB of memory in an own cgroup, 256 MiB of disk, one CPU",
	.root = true,
	.settle_s = 2,
	.run = run,
};
