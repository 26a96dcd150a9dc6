/* SPDX-License-Identifier: MIT */
/* A connection for each question: whoever closes first has them in TIME_WAIT. */
#include "lab/lab.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

enum { PORT = 8080, PAUSE_MS = 10, BACKLOG = 64 };

static void serve(int listener)
{
	char text[4];

	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			_exit(1);
		/* The client has closed when there is no more. */
		while (read(fd, text, sizeof(text)) > 0) {
			if (write(fd, "ok\n", 3) != 3)
				break;
		}
		close(fd);
	}
}

static void ask(void)
{
	char text[4];

	for (;; scene_nap(PAUSE_MS)) {
		int fd = net_connect_at(1, PORT, false);

		if (fd < 0 || write(fd, "hi\n", 3) != 3 || read(fd, text, sizeof(text)) != 3)
			_exit(1);
		close(fd);
	}
}

int net_short(struct scene *s, unsigned room)
{
	char text[16];
	int err = net_isolate(s);

	if (err == 0 && room) {
		snprintf(text, sizeof(text), "%u", room);
		err = scene_write("/proc/sys/net/ipv4/tcp_max_tw_buckets", text);
		if (err == -EACCES || err == -EROFS || err == -ENOENT)
			return scene_skip(s, "tcp_max_tw_buckets of a namespace cannot be set");
	}
	int listener = err < 0 ? err : net_listen_at(1, PORT, BACKLOG);

	if (listener < 0)
		return listener;
	pid_t pid = scene_child(s, "lab-server");

	if (pid == 0)
		serve(listener);
	close(listener);
	pid = pid < 0 ? pid : scene_child(s, "lab-client");
	if (pid == 0)
		ask();
	if (pid < 0)
		return pid;
	scene_say(s, "lab-client (pid %d) makes a connection for each question at 127.0.0.1:%d",
		(int)pid, PORT);
	if (room)
		scene_culprit(s, "peer", 0, "127.0.0.1:8080");
	return scene_hold(s);
}
