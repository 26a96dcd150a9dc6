/* SPDX-License-Identifier: MIT */
/*
 * Clients that ask, each over one connection that is kept, and a server that answers. Several,
 * because a look finds a socket waiting in half of the cases.
 */
#include "lab/lab.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	PORT = 8080,
	CLIENTS = 6,
	HEAD = 200,
	BODY = 300,
	ANSWER = 100,
	PAUSE_MS = 20,
	STEP_MS = 47
};

static void answer(int fd)
{
	char question[HEAD + BODY], text[ANSWER] = { 0 };

	while (recv(fd, question, sizeof(question), MSG_WAITALL) == sizeof(question)) {
		if (send(fd, text, sizeof(text), 0) != sizeof(text))
			break;
	}
	_exit(1);
}

static void serve(struct scene *s, int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		if (scene_child(s, "lab-server") == 0)
			answer(fd);
		close(fd);
	}
}

/* The whole question. */
static bool say(int fd, enum net_manner how)
{
	static char head[HEAD], body[BODY];
	struct iovec both[] = { { head, HEAD }, { body, BODY } };

	if (how == NET_ONE_WRITE)
		return writev(fd, both, 2) == HEAD + BODY;
	return write(fd, head, HEAD) == HEAD && write(fd, body, BODY) == BODY;
}

static void ask(int fd, enum net_manner how)
{
	char text[ANSWER];
	int one = 1;

	if (how == NET_NODELAY && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		_exit(1);
	while (say(fd, how) && recv(fd, text, sizeof(text), MSG_WAITALL) == sizeof(text))
		scene_nap(PAUSE_MS);
	_exit(1);
}

static pid_t client(struct scene *s, enum net_manner how, unsigned number)
{
	int fd = net_connect_at(1, PORT, false);

	if (fd < 0)
		return fd;
	pid_t pid = scene_child(s, "lab-client");

	if (pid == 0) {
		/* In step, all six would wait, and be seen to wait, at the same moments. */
		scene_nap(number * STEP_MS);
		ask(fd, how);
	}
	close(fd);
	if (pid > 0 && how == NET_TWO_WRITES)
		scene_culprit(s, "process", pid, "lab-client");
	return pid;
}

int net_dialogue(struct scene *s, enum net_manner how)
{
	static const char *const manners[] = { [NET_TWO_WRITES] = "in two writes",
		[NET_NODELAY] = "in two writes with TCP_NODELAY",
		[NET_ONE_WRITE] = "in one writev" };
	int err = net_isolate(s);
	int listener = err < 0 ? err : net_listen_at(1, PORT, CLIENTS);

	if (listener < 0)
		return listener;
	pid_t server = scene_child(s, "lab-server");

	if (server == 0)
		serve(s, listener);
	close(listener);
	pid_t pid = server;

	for (unsigned i = 0; i < CLIENTS && pid > 0; i++)
		pid = client(s, how, i);
	if (pid < 0)
		return pid;
	scene_say(s, "%d lab-client ask lab-server at 127.0.0.1:%d: %d and %d bytes %s", CLIENTS,
		PORT, HEAD, BODY, manners[how]);
	scene_nap(1000);
	return scene_hold(s);
}
