/* SPDX-License-Identifier: MIT */
/* A small net.ipv4.tcp_mem, and connections whose data is read or is not. */
#include "lab/lab.h"

#include <errno.h>
#include <sys/socket.h>

#define TCP_MEM "/proc/sys/net/ipv4/tcp_mem"
enum { CONNECTIONS = 24, CHUNK = 65536, PAUSE_MS = 20 };

static void take(int listener, bool reads)
{
	static char buf[CHUNK];
	int fd[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++) {
		fd[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd[i] < 0)
			_exit(1);
	}
	for (;; scene_nap(1)) {
		for (int i = 0; reads && i < CONNECTIONS; i++) {
			while (read(fd[i], buf, sizeof(buf)) > 0)
				;
		}
	}
}

/* Of a reader's twin a little at a time: what is on its way is small. */
static void give(uint16_t port, bool reads)
{
	static char buf[CHUNK];
	int fd[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++) {
		fd[i] = net_connect(port, false);
		if (fd[i] < 0)
			_exit(1);
	}
	for (;; scene_nap(PAUSE_MS)) {
		for (int i = 0; i < CONNECTIONS; i++) {
			ssize_t n = send(fd[i], buf, reads ? CHUNK / 16 : CHUNK, MSG_DONTWAIT);

			if (n < 0 && errno != EAGAIN)
				_exit(1);
		}
	}
}

int net_full(struct scene *s, bool reads)
{
	uint16_t port = 0;
	/* Pages: 2, 4 and 8 MiB. */
	int err = scene_knob(s, TCP_MEM, "512 1024 2048");

	if (err == -EACCES || err == -EROFS)
		return scene_skip(s, TCP_MEM " cannot be written");
	int listener = err < 0 ? err : net_listen(CONNECTIONS, &port);

	if (listener < 0)
		return listener;
	pid_t reader = scene_child(s, "lab-reader");

	if (reader == 0)
		take(listener, reads);
	close(listener);
	pid_t writer = scene_child(s, "lab-writer");

	if (writer == 0)
		give(port, reads);
	if (reader < 0 || writer < 0)
		return -EIO;
	scene_say(s,
		"lab-writer (pid %d) writes to lab-reader (pid %d), which %s; all of TCP may have "
		"8 MiB",
		(int)writer, (int)reader, reads ? "reads" : "does not read");
	if (!reads) {
		scene_culprit(s, "process", reader, "lab-reader");
		scene_culprit(s, "process", writer, "lab-writer");
	}
	scene_nap(2000);
	return scene_hold(s);
}
