/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

enum { PORT = 9999, DATAGRAM = 200, BURST = 20, PAUSE_MS = 10 };

static int udp_socket(bool server)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0   ? -1
		  : server ? bind(fd, (struct sockaddr *)&a, sizeof(a))
			   : connect(fd, (struct sockaddr *)&a, sizeof(a));

	return err < 0 ? -errno : fd;
}

static void receive(int fd, bool reads)
{
	char buf[DATAGRAM];

	for (;;) {
		if (!reads)
			pause();
		else if (recv(fd, buf, sizeof(buf), 0) < 0)
			_exit(1);
	}
}

static void send_all(void)
{
	static const char datagram[DATAGRAM];
	int fd = udp_socket(false);

	for (;;) {
		for (int i = 0; i < BURST; i++)
			send(fd, datagram, sizeof(datagram), 0);
		scene_nap(PAUSE_MS);
	}
}

int net_udp(struct scene *s, bool reads)
{
	int err = net_isolate(s);
	int fd = err < 0 ? err : udp_socket(true);
	pid_t pid = fd < 0 ? fd : scene_child(s, "lab-reader");

	if (pid == 0)
		receive(fd, reads);
	if (pid < 0)
		return pid;
	close(fd);
	pid_t sender = scene_child(s, "lab-sender");

	if (sender == 0)
		send_all();
	if (sender < 0)
		return sender;
	scene_say(s, "lab-reader (pid %d) %s; lab-sender sends it 2,000 datagrams a second",
		(int)pid, reads ? "reads" : "does not read");
	scene_culprit(s, "process", pid, "lab-reader");
	scene_culprit(s, "listener", pid, "127.0.0.1:9999");
	scene_nap(1000);
	return scene_hold(s);
}
