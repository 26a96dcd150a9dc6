/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	static const char *const cp[] = { "cp", "--reflink=never", "from", "to", NULL };
	static const char *const rm[] = { "rm", "-f", "to", NULL };
	int err = scene_dir(s, 2048 * MIB);

	if (err == 0)
		err = scene_file(s, "from", 1024 * MIB);
	if (err < 0)
		return err;
	scene_say(s, "cp copies 1 GiB, over and over");
	scene_ready(s);
	while (scene_command(s, NULL, cp) == 0 && scene_command(s, NULL, rm) == 0)
		;
	return -ECHILD;
}

const struct lab lab_copy = {
	.name = "copy",
	.story = "A large file is copied on a disk",
	.bounds = "2 GiB of disk, a tenth of it stays free",
	.settle_s = 2,
	.run = run,
};
