/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <sys/mman.h>

#define MIB UINT64_C(1048576)

/* Nothing of it can be dropped: each page above memory.high is paid for with sleep. */
static void overstay(const struct cgroup *g)
{
	if (cgroup_enter(g) < 0)
		_exit(1);
	char *p = mmap(NULL, 128 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (;;) {
		for (size_t i = 0; i < 128 * MIB; i += 4096)
			*(volatile char *)&p[i] = 1;
		madvise(p + 32 * MIB, 96 * MIB, MADV_DONTNEED);
	}
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	int err = cgroup_new(s, "memory", &g);

	if (err == 0 && g.version != 2)
		return scene_skip(s,
			"needs --guest: the memory controller here is of cgroup version "
			"1, which has no memory.high");
	if (err == 0)
		err = cgroup_set(&g, NULL, "memory.high", "67108864");
	if (err < 0)
		return err;
	/* Without swap: it would only move the problem. */
	cgroup_set(&g, NULL, "memory.swap.max", "0");
	pid_t pid = scene_child(s, "lab-overstay");

	if (pid < 0)
		return pid;
	if (pid == 0)
		overstay(&g);
	scene_say(s, "lab-overstay (pid %d) wants 128 MiB in %s, whose memory.high is 64 MiB",
		(int)pid, g.path);
	scene_culprit(s, "cgroup", 0, g.path);
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_memcg_high = {
	.name = "memcg-high",
	.story = "A process grows past memory.high (cgroup version 2): the kernel makes it sleep",
	.want = "mem.cgroup",
	.also = { "mem.pressure" },
	.bounds = "128 MiB of memory in an own cgroup",
	.root = true,
	.settle_s = 2,
	.run = run,
};
