/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static struct sockaddr_in at(uint16_t host, uint16_t port)
{
	struct sockaddr_in a = loopback(port);

	a.sin_addr.s_addr = htonl(0x7f000000u | host);
	return a;
}

int net_isolate(struct scene *s)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (unshare(CLONE_NEWNET) < 0)
		return scene_skip(s, "no network namespace of its own: %s", strerror(errno));
	auto_close fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -errno : 0;
}

int net_listen_at(uint16_t host, uint16_t port, int backlog)
{
	struct sockaddr_in a = at(host, port);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, backlog) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int net_connect_at(uint16_t host, uint16_t port, bool nonblock)
{
	struct sockaddr_in a = at(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0), 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int net_listen(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, backlog) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	*ret_port = ntohs(a.sin_port);
	return fd;
}

int net_connect(uint16_t port, bool nonblock)
{
	return net_connect_at(1, port, nonblock);
}

/* A client asks and goes; the server hears it out, and forgets the connection. */
static int serve_and_forget(int listener, uint16_t port, bool read_end)
{
	int client = net_connect(port, false);
	char buf[64];

	if (client < 0)
		return client;
	int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (server < 0 || write(client, "GET /\n", 6) != 6 || read(server, buf, sizeof(buf)) != 6 ||
		write(server, "OK\n", 3) != 3 || read(client, buf, sizeof(buf)) != 3) {
		close(client);
		return -EIO;
	}
	close(client);
	if (read_end && read(server, buf, sizeof(buf)) != 0)
		return -EIO;
	return 0; /* server stays open: that is the leak */
}

struct forgetful {
	int listener;
	uint16_t port;
	unsigned n;
	bool read_end;
};

static void forget(int done, const void *context) __attribute__((noreturn));
static void forget(int done, const void *context)
{
	const struct forgetful *f = context;

	for (unsigned i = 0; i < f->n; i++) {
		if (serve_and_forget(f->listener, f->port, f->read_end) < 0)
			_exit(1);
	}
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

int net_close_wait(struct scene *s, const char *comm, unsigned n, bool read_end)
{
	struct forgetful f = { .n = n, .read_end = read_end };

	f.listener = net_listen(64, &f.port);
	if (f.listener < 0)
		return f.listener;
	pid_t pid = scene_child_done(s, comm, forget, &f);

	close(f.listener);
	if (pid < 0)
		return pid;
	scene_say(s, "%u clients of %s (pid %d) have closed; it %s and never closes its side", n,
		comm, (int)pid, read_end ? "has read the end" : "does not read the end");
	scene_culprit(s, "process", pid, comm);
	return scene_hold(s);
}
