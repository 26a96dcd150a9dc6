/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

enum { PORT = 8080, BACKLOG = 128 };

/* Takes what comes and keeps it open. */
static void take(int listener)
{
	for (;;) {
		if (accept(listener, NULL, NULL) < 0)
			_exit(1);
	}
}

static int start_servers(struct scene *s, unsigned servers)
{
	for (unsigned host = 1; host <= servers; host++) {
		int listener = net_listen_at((uint16_t)host, PORT, BACKLOG);
		pid_t pid = listener < 0 ? listener : scene_child(s, "lab-server");

		if (pid == 0)
			take(listener);
		if (listener >= 0)
			close(listener);
		if (pid < 0)
			return pid;
	}
	return 0;
}

static void hold(unsigned connections, unsigned servers, int done)
{
	unsigned host = 0;

	for (unsigned i = 0; i < connections; i++) {
		host = host < servers ? host + 1 : 1;
		if (net_connect_at((uint16_t)host, PORT, false) < 0)
			_exit(1);
	}
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

int net_ports(struct scene *s, unsigned connections, unsigned servers)
{
	int done[2], err = net_isolate(s);
	char c;

	if (err == 0)
		err = scene_write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40099");
	if (err == -EACCES || err == -EROFS)
		return scene_skip(s, "/proc/sys cannot be written");
	if (err == 0)
		err = start_servers(s, servers);
	if (err < 0)
		return err;
	if (pipe(done) < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-client");

	if (pid == 0)
		hold(connections, servers, done[1]);
	close(done[1]);
	if (pid < 0 || read(done[0], &c, 1) != 1)
		return pid < 0 ? pid : -EIO;
	scene_say(s,
		"lab-client (pid %d) holds %u connections to %u server%s, with 100 local ports",
		(int)pid, connections, servers, servers == 1 ? "" : "s");
	scene_culprit(s, "process", pid, "lab-client");
	scene_culprit(s, "peer", 0, "127.0.0.1:8080");
	return scene_hold(s);
}
