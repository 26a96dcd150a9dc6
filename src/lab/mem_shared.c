/* SPDX-License-Identifier: MIT */
#include "lab/sharers.h"

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	uint64_t total, available;
	int err = scene_memory(&total, &available);

	if (err < 0)
		return err;
	/* A fiftieth of it is in memory: 2 GiB of 100 where the machine has 24 or more. */
	uint64_t chunks = total / 12 / (2 * MIB) < 1024 ? total / 12 / (2 * MIB) : 1024;
	struct sparse o = { "lab-shared", chunks * 100 * MIB, 100 * MIB, 2 * MIB, -1 };
	unsigned n = sharers_scale(total, 150);
	struct sharer kinds[] = {
		{ .comm = "lab-map-only", .n = n },
		{ .comm = "lab-half", .n = n, .percent = 50 },
		{ .comm = "lab-full", .n = n, .percent = 100 },
		{ .comm = "lab-copy", .n = n, .percent = 25, .copy_bytes = 2 * MIB },
	};

	if (n == 0 || chunks == 0)
		return scene_skip(s, "this machine has too little memory");
	err = sharers_start(s, &o, kinds, ARRAY_SIZE(kinds));
	if (err < 0)
		return err;
	scene_say(s,
		"%zu times %u processes map a memfd of %ju GiB, of which %ju MiB are in memory",
		ARRAY_SIZE(kinds), n, (uintmax_t)(o.size >> 30), (uintmax_t)(chunks * 2));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		scene_say(s, "%s (pid %d) and its children touch %u %% of it", kinds[i].comm,
			(int)kinds[i].pid, kinds[i].percent);
	/* The RSS of each kind but the first misleads by itself. */
	for (size_t i = ARRAY_SIZE(kinds); i-- > 1;)
		scene_culprit(s, "process", kinds[i].pid, kinds[i].comm);
	return scene_hold(s);
}

const struct lab lab_mem_shared = {
	.name = "mem-shared",
	.story = "Hundreds of processes share one object: their RSS adds up to many times the "
		 "machine's memory",
	.want = "mem.shared",
	.also = { "mem.page-tables" },
	.bounds = "up to 600 processes that wait, 17 % of memory (4 GiB at most) in an own cgroup; "
		  "refuses unless a quarter stays available",
	.root = true,
	.mild = true,
	.settle_s = 1,
	.run = run,
};
