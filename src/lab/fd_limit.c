/* SPDX-License-Identifier: MIT */
#include "lab/fd.h"

#include <errno.h>
#include <sys/resource.h>

static void hold(unsigned open, unsigned limit, int done)
{
	struct rlimit r = { limit, limit };

	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		_exit(1);
	for (;;) {
		int fd = dup(done);

		if (fd < 0)
			_exit(1);
		/* Numbers are given from the lowest: all below are open. */
		if (fd + 1 >= (int)open)
			break;
	}
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

pid_t fd_open_many(struct scene *s, const char *comm, unsigned open, unsigned limit)
{
	int done[2];
	char c;

	if (pipe(done) < 0)
		return -errno;
	pid_t pid = scene_child(s, comm);

	if (pid == 0)
		hold(open, limit, done[1]);
	close(done[1]);
	return pid > 0 && read(done[0], &c, 1) != 1 ? -EMFILE : pid;
}

static int run(struct scene *s)
{
	pid_t pid = fd_open_many(s, "lab-fds", 1000, 1024);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-fds (pid %d) has 1000 of its 1024 descriptors open", (int)pid);
	scene_culprit(s, "process", pid, "lab-fds");
	return scene_hold(s);
}

const struct lab lab_fd_limit = {
	.name = "fd-limit",
	.story = "A process leaks descriptors and has nearly reached its limit",
	.want = "proc.fd-limit",
	.bounds = "1000 descriptors",
	.settle_s = 0,
	.run = run,
};
