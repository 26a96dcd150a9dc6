/* SPDX-License-Identifier: MIT */
/* A stream of data whose reader, or whose sender, sets the pace. */
#include "lab/lab.h"

#include <errno.h>
#include <sys/socket.h>

enum { CHUNK = 65536, PAUSE_MS = 100, SMALL_BUFFER = 32768 };

static void move(int fd, bool reads, bool slowly)
{
	static char buf[CHUNK];

	for (;;) {
		ssize_t n = reads ? recv(fd, buf, sizeof(buf), MSG_WAITALL)
				  : send(fd, buf, sizeof(buf), 0);

		if (n <= 0)
			_exit(1);
		if (slowly)
			scene_nap(PAUSE_MS);
	}
}

int net_stream(struct scene *s, bool slow_reader)
{
	uint16_t port = 0;
	int small = SMALL_BUFFER, listener = net_listen(1, &port);

	if (listener < 0)
		return listener;
	if (setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) < 0)
		return -EIO;
	pid_t reader = scene_child(s, "lab-reader");

	if (reader == 0)
		move(accept(listener, NULL, NULL), true, slow_reader);
	close(listener);
	int fd = net_connect(port, false);

	if (fd < 0)
		return fd;
	pid_t sender = scene_child(s, "lab-sender");

	if (sender == 0)
		move(fd, false, !slow_reader);
	close(fd);
	if (reader < 0 || sender < 0)
		return -EIO;
	scene_say(s, "lab-sender (pid %d) sends to lab-reader (pid %d), which reads %s",
		(int)sender, (int)reader, slow_reader ? "640 kB/s" : "all that comes");
	if (slow_reader)
		scene_culprit(s, "process", reader, "lab-reader");
	scene_nap(1000);
	return scene_hold(s);
}
