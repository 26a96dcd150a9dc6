/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <sys/socket.h>

enum { AT_A_TIME = 32 };

/* Batches of connections whose clients leave first; the server closes them a moment later. */
static void serve(int listener, uint16_t port)
{
	int client[AT_A_TIME], server[AT_A_TIME];

	for (;;) {
		for (size_t i = 0; i < AT_A_TIME; i++) {
			client[i] = net_connect(port, false);
			server[i] = accept(listener, NULL, NULL);
		}
		for (size_t i = 0; i < AT_A_TIME; i++)
			close(client[i]);
		scene_nap(300);
		for (size_t i = 0; i < AT_A_TIME; i++)
			close(server[i]);
		scene_nap(100);
	}
}

static int run(struct scene *s)
{
	uint16_t port = 0;
	int listener = net_listen(AT_A_TIME, &port);

	if (listener < 0)
		return listener;
	pid_t pid = scene_child(s, "lab-server");

	if (pid < 0)
		return pid;
	if (pid == 0)
		serve(listener, port);
	scene_say(s, "connections of lab-server (pid %d) are in CLOSE_WAIT for 0.3 s, then closed",
		(int)pid);
	return scene_hold(s);
}

const struct lab lab_close_wait_brief = {
	.name = "close-wait-brief",
	.story = "Clients close first; the server follows 0.3 s later",
	.bounds = "64 sockets, 80 connections a second on loopback",
	.settle_s = 2,
	.run = run,
};
