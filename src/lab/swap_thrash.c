/* SPDX-License-Identifier: MIT */
#include "lab/swap.h"

#include <errno.h>

#define MIB UINT64_C(1048576)
enum { PAGE = 4096, ROUND = 400 };

/*
 * Work on pages at random while they are pushed out again and again. It only reads: what is clean
 * keeps its place in swap, so that little is written.
 */
static void work(void)
{
	char *p = swap_fill(128 * MIB);
	uint64_t x = 362436069;

	if (!p)
		_exit(1);
	for (;;) {
		if (swap_out(p, 128 * MIB) < 0)
			_exit(1);
		for (int i = 0; i < ROUND; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			(void)*(volatile char *)(p + (x >> 33) % (128 * MIB / PAGE) * PAGE);
		}
	}
}

static int run(struct scene *s)
{
	int err = scene_need_memory(s, 256 * MIB);

	if (err == 0)
		err = swap_new(s, 320 * MIB);
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-worker");

	if (pid < 0)
		return pid;
	if (pid == 0)
		work();
	err = swap_await(pid, 64 * MIB);
	if (err < 0)
		return scene_skip(s, "nothing was swapped out (MADV_PAGEOUT came with 5.4)");
	scene_say(s, "lab-worker (pid %d) waits for its own memory: 128 MiB of it are in swap",
		(int)pid);
	scene_culprit(s, "process", pid, "lab-worker");
	return scene_hold(s);
}

const struct lab lab_swap_thrash = {
	.name = "swap-thrash",
	.story = "A process works on memory that was swapped out: each page has to come from disk",
	.want = "mem.swap",
	.bounds = "128 MiB of memory, 320 MiB of disk as swap, reads of a few MiB/s",
	.root = true,
	.settle_s = 3,
	.run = run,
};
