/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define MIB UINT64_C(1048576)

enum {
	WORKERS = 600,
	LEAKER = 371,
	EACH = 1 << 20,
	BIT = 64 << 10,
	LEAK_MS = 1000,
	FILL_MS = 1500
};

#define ROOM (64 * MIB)

/* A megabyte each; one of them takes a 64 KiB more every second, and keeps them. */
static void work(const struct cgroup *g, bool leaks) __attribute__((noreturn));
static void work(const struct cgroup *g, bool leaks)
{
	size_t bytes = leaks ? 512 * MIB : EACH;
	char *p = cgroup_enter(g) < 0 ? MAP_FAILED
				      : mmap(NULL, bytes, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, EACH);
	for (size_t at = EACH; leaks && at + BIT <= bytes; at += BIT) {
		memset(p + at, 1, BIT);
		scene_nap(LEAK_MS);
	}
	for (;;)
		pause();
}

/* Once all are in: what the group has, and ROOM more, which the leak fills in 17 minutes. */
static int limit(const struct cgroup *g)
{
	char path[256], text[32];
	uint64_t bytes = 0;

	scene_nap(FILL_MS);
	snprintf(path, sizeof(path), "%s/%s", g->dir,
		g->version == 1 ? "memory.usage_in_bytes" : "memory.current");
	ssize_t n = scene_read(path, text, sizeof(text));
	struct cursor c = cursor_of(text, n > 0 ? (size_t)n : 0);

	if (!cursor_u64(&c, &bytes))
		return n < 0 ? (int)n : -EINVAL;
	snprintf(text, sizeof(text), "%ju", (uintmax_t)(bytes + ROOM));
	return cgroup_set(g, "memory.limit_in_bytes", "memory.max", text);
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	pid_t leaker = 0;
	int err = scene_need_memory(s, 1024 * MIB);

	if (err == 0)
		err = cgroup_new(s, "memory", &g);
	if (err == 0)
		err = cgroup_set(&g, "memory.limit_in_bytes", "memory.max", "1342177280");
	for (unsigned i = 0; i < WORKERS && err == 0; i++) {
		pid_t pid = scene_child(s, "lab-worker");

		if (pid == 0)
			work(&g, i == LEAKER);
		leaker = i == LEAKER ? pid : leaker;
		err = pid < 0 ? pid : 0;
	}
	if (err == 0)
		err = limit(&g);
	if (err < 0)
		return err;
	scene_say(s, "one of %d lab-worker (pid %d) takes 64 KiB a second and keeps them", WORKERS,
		(int)leaker);
	scene_culprit(s, "process", leaker, "lab-worker");
	return scene_hold(s);
}

const struct lab lab_mem_leak = {
	.name = "mem-leak",
	.story = "One of 600 small processes of the same name leaks memory, slowly",
	.want = "mem.leak",
	.bounds = "1.25 GiB of memory at most, in an own cgroup; 600 processes",
	.root = true,
	.settle_s = 1,
	.for_s = 30,
	.run = run,
};
