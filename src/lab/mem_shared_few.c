/* SPDX-License-Identifier: MIT */
#include "lab/sharers.h"

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	struct sparse o = { "lab-few", 16 * MIB, 16 * MIB, 16 * MIB, -1 };
	struct sharer kind = { .comm = "lab-few", .n = 6, .percent = 100, .own_bytes = 48 * MIB };
	int err = sharers_start(s, &o, &kind, 1);

	if (err < 0)
		return err;
	scene_say(s, "lab-few (pid %d) and five children have 48 MiB each, and share 16",
		(int)kind.pid);
	return scene_hold(s);
}

const struct lab lab_mem_shared_few = {
	.name = "mem-shared-few",
	.story = "Six processes share a little: the sum of their RSS is near the truth",
	.bounds = "310 MiB of memory in an own cgroup",
	.root = true,
	.settle_s = 1,
	.run = run,
};
