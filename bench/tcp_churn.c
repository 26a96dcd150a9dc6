/* SPDX-License-Identifier: MIT */
/*
 * Connections that come and go as fast as they can.
 * tcp_churn serve PORT PORTS | tcp_churn run ADDRESS PORT PORTS SECONDS HELD: so many are open at a
 * time, the oldest goes first: a third ended by each side, a third reset. Until stdin ends; prints
 * how many there were, how many were refused, and the seconds that it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long number(const char *text)
{
	return strtol(text, NULL, 10);
}

static int listen_on(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4096) < 0) {
		perror("listen");
		exit(1);
	}
	return fd;
}

/* A byte 's' is to be answered by the end. */
static void serve_one(int fd)
{
	char b;
	ssize_t n = read(fd, &b, 1);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || b == 's')
		close(fd);
}

static int serve(int port, int ports)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e, got[256];

	for (int i = 0; i < ports; i++) {
		int fd = listen_on(port + i);

		e = (struct epoll_event){ EPOLLIN, { .u64 = (uint64_t)fd << 1 | 1 } };
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(ep, got, 256, -1);

		for (int i = 0; i < n; i++) {
			int fd = (int)(got[i].data.u64 >> 1);

			if (!(got[i].data.u64 & 1)) {
				serve_one(fd);
				continue;
			}
			int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

			e = (struct epoll_event){ EPOLLIN, { .u64 = (uint64_t)c << 1 } };
			if (c >= 0)
				epoll_ctl(ep, EPOLL_CTL_ADD, c, &e);
		}
	}
}

static void end(int fd, long how)
{
	struct linger reset = { 1, 0 };
	char b;

	if (how == 0 && write(fd, "s", 1) == 1)
		while (read(fd, &b, 1) > 0)
			;
	if (how == 1)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

static int run(const char *address, int port, int ports, double seconds, long held)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int *fd = malloc((size_t)held * sizeof(*fd));
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	double from = now();
	long made = 0, failed = 0;

	if (!fd || inet_pton(AF_INET, address, &a.sin_addr) != 1)
		return 1;
	memset(fd, 0xff, (size_t)held * sizeof(*fd));
	puts("ready");
	fflush(stdout);
	for (long i = 0; now() < from + seconds && (i % 256 || poll(&in, 1, 0) == 0); i++) {
		if (fd[i % held] >= 0)
			end(fd[i % held], i % 3);
		int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		a.sin_port = htons((uint16_t)(port + i % ports));
		if (c >= 0 && connect(c, (struct sockaddr *)&a, sizeof(a)) == 0) {
			made++;
		} else {
			failed++;
			if (c >= 0)
				close(c);
			c = -1;
		}
		fd[i % held] = c;
	}
	printf("%ld %ld %.3f\n", made, failed, now() - from);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit many = { 65536, 65536 };

	setrlimit(RLIMIT_NOFILE, &many);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		return serve((int)number(argv[2]), (int)number(argv[3]));
	if (argc == 7 && strcmp(argv[1], "run") == 0)
		return run(argv[2], (int)number(argv[3]), (int)number(argv[4]),
			(double)number(argv[5]), number(argv[6]));
	return 64;
}
