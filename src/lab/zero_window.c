/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { PAIRS = 4 };

static void take_and_forget(int listener)
{
	for (;;) {
		if (accept(listener, NULL, NULL) < 0)
			_exit(1);
	}
}

static void fill(int fd)
{
	static const char block[4096];

	while (write(fd, block, sizeof(block)) > 0)
		;
}

/* Sends what the windows take, and then waits as a server does: in poll. */
static void send_all(uint16_t port)
{
	struct pollfd p[PAIRS];

	for (size_t i = 0; i < PAIRS; i++)
		p[i] = (struct pollfd){ .fd = net_connect(port, true), .events = POLLOUT };
	for (;;) {
		poll(p, PAIRS, -1);
		for (size_t i = 0; i < PAIRS; i++) {
			if (p[i].revents & POLLOUT)
				fill(p[i].fd);
		}
	}
}

static int run(struct scene *s)
{
	uint16_t port = 0;
	int small = 16384;
	int listener = net_listen(PAIRS, &port);

	if (listener < 0)
		return listener;
	if (setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) < 0)
		return -errno;
	pid_t reader = scene_child(s, "lab-reader");

	if (reader == 0)
		take_and_forget(listener);
	close(listener);
	pid_t sender = scene_child(s, "lab-sender");

	if (sender == 0)
		send_all(port);
	if (reader < 0 || sender < 0)
		return -EAGAIN;
	scene_say(s, "lab-reader (pid %d) reads nothing; lab-sender (pid %d) waits for its window",
		(int)reader, (int)sender);
	scene_culprit(s, "process", reader, "lab-reader");
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_zero_window = {
	.name = "zero-window",
	.story = "A reader has stopped reading: its window is zero and the sender waits",
	.want = "tcp.zero-window",
	.bounds = "4 loopback connections, 16 MiB of socket buffers",
	/* It must stand for 5 s, and the probes of the first seconds may still move it. */
	.settle_s = 5,
	.run = run,
};
