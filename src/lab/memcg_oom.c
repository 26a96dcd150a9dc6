/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#define MIB UINT64_C(1048576)

/* The group's limit stops it at a fraction of this. */
static void grow(const struct cgroup *g)
{
	if (cgroup_enter(g) < 0)
		_exit(1);
	volatile char *p =
		mmap(NULL, 256 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (size_t i = 0; i < 256 * MIB; i += 4096)
		p[i] = 1;
	_exit(0);
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	int err = cgroup_new(s, "memory", &g);

	if (err == 0)
		err = cgroup_set(&g, "memory.limit_in_bytes", "memory.max", "50331648");
	if (err < 0)
		return err;
	/* Without swap: it would only move the problem. */
	cgroup_set(&g, "memory.swappiness", "memory.swap.max", "0");
	scene_culprit(s, "cgroup", 0, g.path);
	pid_t pid = scene_child(s, "lab-glutton");

	if (pid == 0)
		grow(&g);
	int code = scene_join(pid);

	if (code < 0)
		return code;
	if (code != 128 + SIGKILL) {
		scene_say(s, "lab-glutton ended with %d: nobody killed it", code);
		return -ECHILD;
	}
	scene_say(s, "lab-glutton (pid %d) wanted 256 MiB in %s, which may have 48: it was killed",
		(int)pid, g.path);
	scene_culprit(s, "process", pid, "lab-glutton");
	return scene_hold(s);
}

const struct lab lab_memcg_oom = {
	.name = "memcg-oom",
	.story = "A process grows past its control group's memory limit and the kernel kills it",
	.want = "mem.oom",
	.bounds = "48 MiB of memory in an own cgroup",
	.root = true,
	.settle_s = 1,
	.run = run,
};
