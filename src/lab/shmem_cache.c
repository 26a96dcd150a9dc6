/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

static int run(struct scene *s)
{
	uint64_t total, available;
	char target[112];
	int err = scene_memory(&total, &available);

	if (err < 0)
		return err;
	uint64_t bytes = total / 100 * 58;

	err = scene_need_memory(s, bytes);
	if (err == 0)
		err = tmpfs_new(s, bytes + bytes / 4, bytes, target);
	if (err < 0)
		return err;
	scene_say(s, "%ju MiB of files lie in a tmpfs at %s: counted as cache, never given back",
		(uintmax_t)bytes >> 20, target);
	scene_culprit(s, "mount", 0, target);
	return scene_hold(s);
}

const struct lab lab_shmem_cache = {
	.name = "shmem-cache",
	.story = "Files in a tmpfs take most of the cache: memory that looks free and is not",
	.want = "mem.cache-stuck",
	.bounds = "58 % of memory; refuses unless a quarter stays available",
	.root = true,
	.mild = true,
	.settle_s = 1,
	.run = run,
};
