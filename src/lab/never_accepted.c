/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <stdio.h>
#include <sys/socket.h>

enum { BACKLOG = 64, CLIENTS = 12 };

static int run(struct scene *s)
{
	char name[32];
	uint16_t port = 0;
	int listener = net_listen(BACKLOG, &port);

	if (listener < 0)
		return listener;
	pid_t pid = scene_child(s, "lab-listener");

	if (pid == 0) {
		for (;;)
			pause();
	}
	close(listener);
	for (int i = 0; i < CLIENTS && pid > 0; i++) {
		int fd = net_connect(port, false);

		if (fd < 0)
			return fd;
	}
	if (pid < 0)
		return pid;
	snprintf(name, sizeof(name), "127.0.0.1:%u", port);
	scene_say(s, "%d clients have connected to lab-listener (pid %d) at %s, which sleeps",
		CLIENTS, (int)pid, name);
	scene_culprit(s, "process", pid, "lab-listener");
	scene_culprit(s, "listener", pid, name);
	return scene_hold(s);
}

const struct lab lab_never_accepted = {
	.name = "never-accepted",
	.story = "A server is asleep; its clients are connected and nobody accepts them",
	.want = "tcp.never-accepted",
	.bounds = "12 loopback connections",
	/* Five seconds are no accident any more. */
	.settle_s = 5,
	.run = run,
};
