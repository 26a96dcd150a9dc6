/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	char target[112];
	int err = scene_need_memory(s, 128 * MIB);

	if (err == 0)
		err = tmpfs_new(s, 128 * MIB, 96 * MIB, target);
	if (err < 0)
		return err;
	scene_say(s, "96 MiB of files lie in a tmpfs at %s", target);
	return scene_hold(s);
}

const struct lab lab_tmpfs_small = {
	.name = "tmpfs-small",
	.story = "A tmpfs holds some files, as on every machine",
	.bounds = "96 MiB of memory",
	.root = true,
	.run = run,
};
