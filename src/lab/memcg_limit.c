/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#define MIB UINT64_C(1048576)

/* Touch every page, over and over: each was dropped for another before its turn comes again. */
static void thrash(const struct cgroup *g, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const volatile char *p = MAP_FAILED;

	if (fd >= 0 && cgroup_enter(g) == 0)
		p = mmap(NULL, 128 * MIB, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(1);
	for (;;) {
		for (size_t i = 0; i < 128 * MIB; i += 4096)
			(void)p[i];
	}
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	char path[128];
	int err = cgroup_new(s, "memory", &g);

	if (err == 0)
		err = cgroup_set(&g, "memory.limit_in_bytes", "memory.max", "67108864");
	if (err == 0)
		err = scene_dir(s, 128 * MIB);
	if (err == 0)
		err = scene_file(s, "data", 128 * MIB);
	if (err < 0)
		return err;
	snprintf(path, sizeof(path), "%s/data", s->dir);
	pid_t pid = scene_child(s, "lab-thrash");

	if (pid < 0)
		return pid;
	if (pid == 0)
		thrash(&g, path);
	scene_say(s, "lab-thrash (pid %d) works on 128 MiB of a file; its group %s may have 64 MiB",
		(int)pid, g.path);
	scene_culprit(s, "cgroup", 0, g.path);
	scene_culprit(s, "process", pid, "lab-thrash");
	/*
	 * Where the disk is fast for the CPU (a guest's)
	 * the kernel's work for each page takes longer.
	 */
	scene_why(s, pid, "memory|system", g.path);
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_memcg_limit = {
	.name = "memcg-limit",
	.story = "A control group's working set is twice its memory limit: it reads the same pages "
		 "again and again",
	.want = "mem.cgroup",
	.also = { "mem.pressure" },
	.bounds = "64 MiB of memory in an own cgroup, 128 MiB of disk, one CPU",
	.root = true,
	.why = true,
	.settle_s = 2,
	.run = run,
};
