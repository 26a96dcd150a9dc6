/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

/* More than there is: the kernel promises it (overcommit), and then cannot keep it. */
static void grow(uint64_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	for (uint64_t i = 0; i < bytes; i += 4096)
		*(volatile char *)&p[i] = 1;
	_exit(0);
}

static int run(struct scene *s)
{
	uint64_t total, available;
	int err = scene_memory(&total, &available);

	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-glutton");

	if (pid == 0)
		grow(2 * total);
	int code = scene_join(pid);

	if (code < 0)
		return code;
	if (code != 128 + SIGKILL) {
		scene_say(s, "lab-glutton ended with %d: nobody killed it", code);
		return -ECHILD;
	}
	scene_say(s, "lab-glutton (pid %d) wanted twice the memory of the machine: it was killed",
		(int)pid);
	scene_culprit(s, "cgroup", 0, "/");
	scene_victim(s, "process", pid, "lab-glutton");
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "it takes all memory of the machine",
	.memory_mib = 1024 };

const struct lab lab_global_oom = {
	.name = "global-oom",
	.story = "A process takes all memory of the machine, and the kernel kills it",
	.want = "mem.oom",
	.bounds = "a guest's memory, all of it",
	.guest = &guest,
	.root = true,
	.settle_s = 1,
	.run = run,
};
