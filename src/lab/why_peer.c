/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

/* Short for murphy's 3 s, so that the share is the same whatever part of a round they begin in. */
enum { ANSWER_MS = 200 };

/* Answers each request after that time. */
static void answer_late(int listener)
{
	char c;
	int fd = accept(listener, NULL, NULL);

	while (fd >= 0 && recv(fd, &c, 1, 0) == 1) {
		scene_nap(ANSWER_MS);
		if (send(fd, "b", 1, MSG_NOSIGNAL) != 1)
			break;
	}
	_exit(1);
}

static void ask(uint16_t port)
{
	int fd = net_connect(port, false);
	char c;

	while (fd >= 0 && send(fd, "a", 1, MSG_NOSIGNAL) == 1 && recv(fd, &c, 1, 0) == 1)
		burn(1);
	_exit(1);
}

static int run(struct scene *s)
{
	uint16_t port = 0;
	char name[32];
	int listener = net_listen(4, &port);

	if (listener < 0)
		return listener;
	pid_t server = scene_child(s, "lab-backend");

	if (server == 0)
		answer_late(listener);
	pid_t pid = scene_child(s, "lab-frontend");

	if (pid == 0)
		ask(port);
	if (server < 0 || pid < 0)
		return -EAGAIN;
	scene_say(s,
		"lab-frontend (pid %d) asks lab-backend (pid %d, port %u), which takes %d ms for "
		"each answer",
		(int)pid, (int)server, port, ANSWER_MS);
	snprintf(name, sizeof(name), "127.0.0.1:%u", port);
	scene_why(s, pid, "peer", name);
	return scene_hold(s);
}

const struct lab lab_why_peer = {
	.name = "why-peer",
	.story = "A service asks another over TCP, which takes its time for each answer",
	.bounds = "one loopback connection",
	.why = true,
	.settle_s = 1,
	.run = run,
};
