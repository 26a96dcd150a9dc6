/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <stdio.h>
#include <sys/socket.h>

enum { BACKLOG = 4, CLIENTS = 48, SERVE_MS = 500, CALL_MS = 20 };

/* One connection at a time, half a second each. */
static void serve(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		scene_nap(SERVE_MS);
		close(fd);
	}
}

/* Fifty callers a second; who is not answered after a second goes. */
static void call(uint16_t port)
{
	int fd[CLIENTS];

	for (size_t i = 0; i < CLIENTS; i++)
		fd[i] = -1;
	for (size_t i = 0;; i = (i + 1) % CLIENTS) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = net_connect(port, true);
		scene_nap(CALL_MS);
	}
}

static int run(struct scene *s)
{
	char name[32];
	uint16_t port = 0;
	int listener = net_listen(BACKLOG, &port);

	if (listener < 0)
		return listener;
	pid_t pid = scene_child(s, "lab-listener");

	if (pid < 0)
		return pid;
	if (pid == 0)
		serve(listener);
	close(listener);
	if (scene_child(s, "lab-callers") == 0)
		call(port);
	snprintf(name, sizeof(name), "127.0.0.1:%u", port);
	scene_say(s,
		"lab-listener (pid %d) takes 2 connections a second at %s; 50 come, %d may wait",
		(int)pid, name, BACKLOG);
	scene_culprit(s, "listener", pid, name);
	scene_culprit(s, "process", pid, "lab-listener");
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_listen_overflow = {
	.name = "listen-overflow",
	.story = "A server accepts more slowly than clients come: its accept queue overflows",
	.want = "tcp.listen-overflow",
	.bounds = "48 loopback connections",
	.settle_s = 1,
	.run = run,
};
