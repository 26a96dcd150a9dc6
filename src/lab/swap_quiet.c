/* SPDX-License-Identifier: MIT */
#include "lab/swap.h"

#include <errno.h>

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	int err = scene_need_memory(s, 256 * MIB);

	if (err == 0)
		err = swap_new(s, 192 * MIB);
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-sleeper");

	if (pid < 0)
		return pid;
	if (pid == 0) {
		char *p = swap_fill(160 * MIB);

		if (!p || swap_out(p, 160 * MIB) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	err = swap_await(pid, 120 * MIB);
	if (err < 0)
		return scene_skip(s, "nothing was swapped out (MADV_PAGEOUT came with 5.4)");
	scene_say(s,
		"lab-sleeper (pid %d) sleeps; most of its memory is in swap, which is nearly full",
		(int)pid);
	return scene_hold(s);
}

const struct lab lab_swap_quiet = {
	.name = "swap-quiet",
	.story = "Swap is nearly full of what nobody needs, and nothing moves",
	.bounds = "160 MiB of memory, 192 MiB of disk as swap",
	.root = true,
	.settle_s = 2,
	.run = run,
};
