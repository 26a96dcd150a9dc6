/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#define MIB UINT64_C(1048576)

struct worker {
	int fd, tell;
};

static void *work(void *arg)
{
	static const char block[4096];
	const struct worker *w = arg;
	pid_t tid = gettid();

	pthread_setname_np(pthread_self(), "lab-flusher");
	if (write(w->tell, &tid, sizeof(tid)) != sizeof(tid))
		return NULL;
	while (pwrite(w->fd, block, sizeof(block), 0) > 0)
		scene_nap(10);
	return NULL;
}

/* A server as most are: its main thread sleeps, a worker writes. Its pid; its worker's tid. */
static pid_t server(struct scene *s, const struct disk *d, pid_t *ret_tid)
{
	char path[128];
	int tell[2];

	snprintf(path, sizeof(path), "%s/log", d->target);
	auto_close fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || pipe(tell) < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-server");

	if (pid == 0) {
		struct worker w = { fd, tell[1] };
		pthread_t t;

		if (pthread_create(&t, NULL, work, &w) != 0)
			_exit(1);
		for (;;)
			pause();
	}
	close(tell[1]);
	if (pid > 0 && read(tell[0], ret_tid, sizeof(*ret_tid)) != sizeof(*ret_tid))
		pid = -EIO;
	close(tell[0]);
	return pid;
}

static int run(struct scene *s)
{
	struct disk d;
	pid_t tid = 0;
	int err = disk_new(s, 32 * MIB, 0, &d);

	if (err < 0)
		return err;
	pid_t pid = server(s, &d, &tid);

	if (pid < 0)
		return pid;
	err = disk_freeze(s, &d);
	if (err == 0)
		err = scene_await(tid, 'D');
	if (err < 0)
		return err;
	scene_say(s,
		"a thread of lab-server (pid %d, tid %d) waits in D state, its main thread does "
		"not:"
		" the file system at %s (%s) is frozen",
		(int)pid, (int)tid, d.target, d.device);
	scene_culprit(s, "device", 0, d.device);
	scene_culprit(s, "mount", 0, d.target);
	scene_culprit(s, "process", pid, "lab-server");
	scene_why(s, pid, "disk", d.target);
	return scene_hold(s);
}

const struct lab lab_d_state_thread = {
	.name = "d-state-thread",
	.story = "A worker thread waits for a frozen file system while its main thread sleeps in "
		 "peace",
	.want = "io.stuck",
	.bounds = "32 MiB of disk, a loop device; a keeper always thaws",
	.root = true,
	.why = true,
	.settle_s = 2,
	.run = run,
};
