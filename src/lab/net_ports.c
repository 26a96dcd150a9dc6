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

int net_ports(struct scene *s, unsigned connections, unsigned servers)
{
	int done[2], err = net_isolate(s);

	if (err == 0)
		err = scene_write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40099");
	if (err == -EACCES || err == -EROFS)
		return scene_skip(s, "/proc/sys cannot be written");
	if (err == 0 && pipe(done) < 0)
		err = -errno;
	for (uint16_t host = 1; err == 0 && host <= servers; host++) {
		int listener = net_listen_at(host, PORT, BACKLOG);
		pid_t pid = listener < 0 ? listener : scene_child(s, "lab-server");

		if (pid == 0)
			take(listener);
		err = pid < 0 ? pid : 0;
		if (listener >= 0)
			close(listener);
	}
	pid_t pid = err < 0 ? err : scene_child(s, "lab-client");

	if (pid == 0) {
		for (unsigned i = 0; i < connections; i++) {
			if (net_connect_at((uint16_t)(1 + i % servers), PORT, false) < 0)
				_exit(1);
		}
		if (write(done[1], "d", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char c;

	if (pid < 0)
		return pid;
	close(done[1]);
	if (read(done[0], &c, 1) != 1)
		return -EIO;
	scene_say(s,
		"lab-client (pid %d) holds %u connections to %u server%s, with 100 local ports",
		(int)pid, connections, servers, servers == 1 ? "" : "s");
	scene_culprit(s, "process", pid, "lab-client");
	scene_culprit(s, "peer", 0, "127.0.0.1:8080");
	return scene_hold(s);
}
