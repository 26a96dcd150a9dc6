/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#define MIB UINT64_C(1048576)

/* A message of this size is one object of 4 KiB (net/unix/af_unix.c, net/core/skbuff.c). */
enum { MESSAGE = 3000, OBJECT = 4096, PER_SOCKET = 65536 };

/* On a small machine a tenth of memory is what any kernel holds; it begins to count from here. */
#define AT_LEAST (576 * MIB)

/* Fill a pair of sockets that nobody reads with up to n messages; how many went in. */
static uint64_t stuff(uint64_t n)
{
	static const char message[MESSAGE];
	int fd[2], room = 1 << 30;
	uint64_t sent = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd) < 0 ||
		setsockopt(fd[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		return 0;
	while (sent < n && send(fd[0], message, sizeof(message), MSG_NOSIGNAL) == MESSAGE)
		sent++;
	return sent;
}

static void hoard(const struct cgroup *g, uint64_t objects, int done)
{
	if (cgroup_enter(g) < 0)
		_exit(1);
	while (objects > 0) {
		uint64_t sent = stuff(objects < PER_SOCKET ? objects : PER_SOCKET);

		if (sent == 0)
			_exit(1);
		objects -= sent;
	}
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* The cache that holds most of what was added, as this kernel names it. */
static int biggest(char *ret_name, size_t size)
{
	static char buf[1 << 20];
	FILE *f = fopen("/proc/slabinfo", "re");
	size_t len = f ? fread(buf, 1, sizeof(buf), f) : 0;
	struct cursor c = cursor_of(buf, len), line;
	uint64_t most = 0;

	if (f)
		fclose(f);
	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t active, objects, bytes;

		if (!cursor_word(&line, &name) || !span_starts(name, "kmalloc-") ||
			!cursor_u64(&line, &active) || !cursor_u64(&line, &objects) ||
			!cursor_u64(&line, &bytes) || objects * bytes <= most)
			continue;
		most = objects * bytes;
		span_copy(name, ret_name, size);
	}
	return most ? 0 : -ENODATA;
}

static int run(struct scene *s)
{
	struct cgroup g = { 0 };
	uint64_t total, available;
	char limit[32], name[64], c;
	int done[2] = { -1, -1 }, err = scene_memory(&total, &available);

	if (err < 0)
		return err;
	uint64_t bytes = total / 100 * 13;

	if (bytes < AT_LEAST)
		bytes = AT_LEAST;
	err = scene_need_memory(s, bytes);
	if (err == 0)
		err = cgroup_new(s, "memory", &g);
	snprintf(limit, sizeof(limit), "%ju", (uintmax_t)(bytes + bytes / 4 + 64 * MIB));
	if (err == 0)
		err = cgroup_set(&g, "memory.limit_in_bytes", "memory.max", limit);
	if (err == 0 && pipe(done) < 0)
		err = -errno;
	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-hoard");

	if (pid < 0)
		return pid;
	if (pid == 0)
		hoard(&g, bytes / OBJECT, done[1]);
	close(done[1]);
	if (read(done[0], &c, 1) != 1)
		return -ENOMEM;
	err = biggest(name, sizeof(name));
	if (err < 0)
		return err;
	scene_say(s,
		"%ju MiB of messages that nobody reads lie in sockets of lab-hoard (pid %d): %s",
		(uintmax_t)bytes >> 20, (int)pid, name);
	scene_culprit(s, "slab", 0, name);
	scene_culprit(s, "process", pid, "lab-hoard");
	return scene_hold(s);
}

const struct lab lab_slab_unreclaimable = {
	.name = "slab-unreclaimable",
	.story = "Unread messages in sockets fill kernel memory that no reclaim can free",
	.want = "mem.slab",
	.bounds = "14 % of memory, 576 MiB at least, in an own cgroup; refuses unless a quarter "
		  "stays available",
	.root = true,
	.mild = true,
	.settle_s = 1,
	.run = run,
};
