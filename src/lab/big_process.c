/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <sys/mman.h>

/* As a database with its buffers: most of memory, once, and no more. */
static void settle(uint64_t bytes, int done)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (uint64_t i = 0; i < bytes; i += 4096)
		*(volatile char *)&p[i] = 1;
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;) {
		for (uint64_t i = 0; i < bytes; i += 4096)
			*(volatile char *)&p[i] = 2;
		scene_nap(200);
	}
}

static int run(struct scene *s)
{
	uint64_t total, available;
	int done[2] = { -1, -1 }, err = scene_memory(&total, &available);
	char c;

	if (err < 0)
		return err;
	if (pipe(done) < 0)
		return -errno;
	/* What is left is a sixth of the machine: enough for all that it has to do. */
	uint64_t bytes = available > total / 6 ? available - total / 6 : 0;
	pid_t pid = scene_child(s, "lab-buffers");

	if (pid < 0)
		return pid;
	if (pid == 0)
		settle(bytes, done[1]);
	close(done[1]);
	if (read(done[0], &c, 1) != 1)
		return -ENOMEM;
	scene_say(s, "lab-buffers (pid %d) uses %ju of %ju MiB, and wants no more", (int)pid,
		(uintmax_t)bytes >> 20, (uintmax_t)total >> 20);
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "it takes five sixths of the machine's memory",
	.memory_mib = 1024 };

const struct lab lab_big_process = {
	.name = "big-process",
	.story = "One process uses five sixths of memory, which is what the machine was bought for",
	.bounds = "five sixths of a guest's memory",
	.guest = &guest,
	.root = true,
	.settle_s = 2,
	.run = run,
};
