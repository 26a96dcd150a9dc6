/* SPDX-License-Identifier: MIT */
/* Clients that reset their connections, and a server that waits for them or does not. */
#include "lab/lab.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { BACKLOG = 64, CLIENTS = 30 };

/* A listener and its connections; those that are over are closed, or never looked at again. */
static void serve(int listener, bool looks)
{
	struct pollfd fds[CLIENTS + 1] = { { .fd = listener, .events = POLLIN } };
	nfds_t n = 1;

	for (;;) {
		if (poll(fds, looks ? n : 1, -1) < 0)
			_exit(1);
		for (nfds_t i = 1; looks && i < n; i++) {
			if (fds[i].revents) {
				close(fds[i].fd);
				fds[i].fd = -1;
			}
		}
		int fd = fds[0].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

		if (fd >= 0 && n < CLIENTS + 1)
			fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
}

/* Connected, accepted, and reset: no data is lost by it. */
static int reset_all(uint16_t port)
{
	struct linger none = { .l_onoff = 1 };
	int fd[CLIENTS];

	for (int i = 0; i < CLIENTS; i++) {
		fd[i] = net_connect(port, false);
		if (fd[i] < 0)
			return fd[i];
	}
	scene_nap(500);
	for (int i = 0; i < CLIENTS; i++) {
		if (setsockopt(fd[i], SOL_SOCKET, SO_LINGER, &none, sizeof(none)) < 0)
			return -errno;
		close(fd[i]);
	}
	return 0;
}

int net_reset(struct scene *s, bool looks)
{
	uint16_t port = 0;
	int listener = net_listen(BACKLOG, &port);

	if (listener < 0)
		return listener;
	pid_t pid = scene_child(s, "lab-server");

	if (pid == 0)
		serve(listener, looks);
	close(listener);
	int err = pid < 0 ? pid : reset_all(port);

	if (err < 0)
		return err;
	scene_say(s, "%d clients have reset their connections to lab-server (pid %d), which %s",
		CLIENTS, (int)pid, looks ? "closes its ends" : "does not look at them");
	if (!looks)
		scene_culprit(s, "process", pid, "lab-server");
	return scene_hold(s);
}
