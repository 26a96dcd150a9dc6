/* SPDX-License-Identifier: MIT */
/*
 * tcp_load SOCKETS PROCESSES: so many TCP sockets on loopback, both ends counted, some bytes each
 * way on one in ten; prints "ready" and waits to be ended. In a network namespace of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 8000, PER_ADDRESS = 20000, WRITES = 10 };

static void die(const char *what)
{
	fprintf(stderr, "tcp_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_on(unsigned int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 128) < 0)
		die("listen");
	return fd;
}

/* Connection number i: its own address for every 20,000. */
static void add(int listener, unsigned int port, unsigned int i)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET };
	int client = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	from.sin_addr.s_addr = htonl(0x7f010001u + i / PER_ADDRESS);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons((uint16_t)port);
	if (client < 0 ||
		setsockopt(client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
		bind(client, (struct sockaddr *)&from, sizeof(from)) < 0 ||
		connect(client, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	int server = accept(listener, NULL, NULL);

	if (server < 0)
		die("accept");
	if (i % WRITES == 0 &&
		(write(client, "question", 8) != 8 || write(server, "reply", 5) != 5))
		die("write");
}

static void hold(unsigned int worker, unsigned int connections, int ready)
{
	struct rlimit most;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &most) < 0)
		die("RLIMIT_NOFILE");
	int listener = listen_on(PORT + worker);

	for (unsigned int i = 0; i < connections; i++)
		add(listener, PORT + worker, i);
	if (write(ready, "", 1) != 1)
		die("pipe");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	unsigned int sockets = argc == 3 ? (unsigned int)atoi(argv[1]) : 0;
	unsigned int workers = argc == 3 ? (unsigned int)atoi(argv[2]) : 0;
	int ready[2];
	char c;

	if (sockets == 0 || workers == 0 || workers > 64) {
		fputs("tcp_load SOCKETS PROCESSES\n", stderr);
		return 64;
	}
	if (pipe(ready) < 0)
		die("pipe");
	for (unsigned int i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			hold(i, sockets / 2 / workers, ready[1]);
	}
	close(ready[1]);
	for (unsigned int i = 0; i < workers; i++) {
		if (read(ready[0], &c, 1) != 1)
			die("a process ended");
	}
	puts("ready");
	fflush(stdout);
	while (wait(NULL) > 0)
		;
	return 0;
}
