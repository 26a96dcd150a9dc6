/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define SERVER "192.0.2.53"

enum { CLIENTS = 4, HEADER = 12, FLAGS = 2, IS_ANSWER = 0x80, NO_SUCH_NAME = 3 };

static struct sockaddr_in server_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(53) };

	inet_pton(AF_INET, SERVER, &a.sin_addr);
	return a;
}

/* Takes every question; answers "no such name", or nothing ever. */
static void serve(int fd, bool answers)
{
	unsigned char packet[512];
	struct sockaddr_in from;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &len);

		if (n < HEADER || !answers)
			continue;
		packet[FLAGS] |= IS_ANSWER;
		packet[FLAGS + 1] = NO_SUCH_NAME;
		if (sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
			_exit(1);
	}
}

static void ask_for_ever(void)
{
	for (unsigned i = 0;; i++) {
		struct addrinfo *found = NULL;
		char name[64];

		snprintf(name, sizeof(name), "host%u.example.com", i);
		if (getaddrinfo(name, NULL, NULL, &found) == 0)
			freeaddrinfo(found);
		scene_nap(10);
	}
}

/* As event loops do: a socket that stays, and has no question under way. */
static void keep_socket(void)
{
	struct sockaddr_in a = server_address();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN };

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) < 0)
		_exit(1);
	for (;;)
		epoll_wait(loop, &e, 1, -1);
}

/* A network of our own with the server's address, and an /etc/resolv.conf that names it. */
static int enter_network(struct scene *s)
{
	const char *up[] = { "ip", "link", "set", "lo", "up", NULL };
	static const char address[] = SERVER "/32";
	const char *add[] = { "ip", "address", "add", address, "dev", "lo", NULL };
	char conf[112];

	snprintf(conf, sizeof(conf), "%s/resolv.conf", s->dir);
	FILE *f = fopen(conf, "we");

	if (!f)
		return -errno;
	fprintf(f, "nameserver %s\n", SERVER);
	if (fclose(f) != 0)
		return -EIO;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
		mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(conf, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return scene_skip(s,
			"may not make a network and an /etc/resolv.conf of its own: %s",
			strerror(errno));
	if (scene_command(s, NULL, up) != 0 || scene_command(s, NULL, add) != 0)
		return scene_skip(s, "ip (iproute2) cannot give an address");
	return 0;
}

int net_names(struct scene *s, bool answers)
{
	struct sockaddr_in a = server_address();
	int err =
		scene_has("ip") ? scene_dir(s, 0) : scene_skip(s, "ip is not installed (iproute2)");

	if (err == 0)
		err = enter_network(s);
	if (err < 0)
		return err;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-nameserver");

	if (pid == 0)
		serve(fd, answers);
	close(fd);
	for (int i = 0; i < CLIENTS && pid > 0; i++) {
		pid = scene_child(s, "lab-lookup");
		if (pid == 0)
			ask_for_ever();
	}
	if (pid > 0 && answers) {
		pid = scene_child(s, "lab-keeper");
		if (pid == 0)
			keep_socket();
	}
	return pid < 0 ? pid : 0;
}
