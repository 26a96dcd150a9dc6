/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <fcntl.h>
#include <sys/socket.h>

enum { BACKLOG = 64, CLIENTS = 40, BATCH_MS = 2000, CALL_MS = 100 };

/* Takes all that wait, each two seconds, and serves them until the next time. */
static void serve(int listener)
{
	int fd[BACKLOG], n = 0;

	if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
		_exit(1);
	for (;;) {
		while (n > 0)
			close(fd[--n]);
		while (n < BACKLOG && (fd[n] = accept(listener, NULL, NULL)) >= 0)
			n++;
		scene_nap(BATCH_MS);
	}
}

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
	uint16_t port = 0;
	int listener = net_listen(BACKLOG, &port);

	if (listener < 0)
		return listener;
	pid_t pid = scene_child(s, "lab-listener");

	if (pid == 0)
		serve(listener);
	close(listener);
	if (pid > 0)
		pid = scene_child(s, "lab-callers");
	if (pid == 0)
		call(port);
	if (pid < 0)
		return pid;
	scene_say(
		s, "ten clients a second connect to 127.0.0.1:%u; all are accepted each 2 s", port);
	scene_nap(3000);
	return scene_hold(s);
}

const struct lab lab_accept_late = {
	.name = "accept-late",
	.story = "A server accepts all that wait, but only each two seconds",
	.bounds = "40 loopback connections",
	.run = run,
};
