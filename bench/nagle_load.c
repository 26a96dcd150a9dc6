/* SPDX-License-Identifier: MIT */
/*
 * Loads for tcp_nagle.py: clients and a server over loopback.
 *
 *	ask CONNECTIONS RATE SECONDS  questions in two small writes, RATE a second in all, and how
 *	                              many were answered after more than 30 ms
 *	healthy SENDS                 so many sends at least of programs that do it right
 *	trips SECONDS                 round trips of one connection, as fast as they go
 *
 * Prints "port N", waits for a line on stdin, runs, and prints what it counted.
 */
#include "base/attr.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEAD = 200, BODY = 300, QUESTION = HEAD + BODY, ANSWER = 100 };
enum { CONNECTIONS_MAX = 1000, HEALTHY = 4, LATE_NS = 30000000, SLICE = 2000 };

enum manner { TWO_WRITES, TWO_NODELAY, ONE_WRITE };

static struct sockaddr_in address;
static uint64_t begin_ns, end_ns, pause_ns;
static atomic_ullong asked, late, sends, sends_wanted;

static void die(const char *what)
{
	fprintf(stderr, "nagle-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void sleep_until(uint64_t when_ns)
{
	struct timespec when = { .tv_sec = (time_t)(when_ns / NS_PER_S),
		.tv_nsec = (long)(when_ns % NS_PER_S) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
		;
}

static void start(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg) != 0)
		die("pthread_create");
	pthread_detach(thread);
}

static void *answer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char question[QUESTION], text[ANSWER] = { 0 };

	while (recv(fd, question, sizeof(question), MSG_WAITALL) == sizeof(question)) {
		if (send(fd, text, sizeof(text), MSG_NOSIGNAL) != sizeof(text))
			break;
	}
	close(fd);
	return NULL;
}

/* A process of its own, as servers are. */
static void serve(int listener)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			_exit(1);
		start(answer, (void *)(intptr_t)fd);
	}
}

static int dial(enum manner how)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		(how == TWO_NODELAY &&
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0))
		die("connect");
	return fd;
}

static void ask(int fd, enum manner how)
{
	static char head[HEAD], body[BODY];
	struct iovec both[] = { { head, HEAD }, { body, BODY } };
	char text[ANSWER];
	bool said = how == ONE_WRITE
			    ? writev(fd, both, 2) == QUESTION
			    : write(fd, head, HEAD) == HEAD && write(fd, body, BODY) == BODY;

	if (!said || recv(fd, text, sizeof(text), MSG_WAITALL) != sizeof(text))
		die("no answer");
}

/* One of the connections of ask, at times of its own. */
static void *ask_often(void *arg)
{
	uint64_t next_ns = begin_ns + (uint64_t)(intptr_t)arg;
	int fd = dial(TWO_WRITES);

	for (; next_ns < end_ns; next_ns += pause_ns) {
		sleep_until(next_ns);
		uint64_t ns = clock_ns(CLOCK_MONOTONIC);

		ask(fd, TWO_WRITES);
		atomic_fetch_add(&asked, 1);
		atomic_fetch_add(&late, clock_ns(CLOCK_MONOTONIC) - ns > LATE_NS);
	}
	return NULL;
}

static void asks(long connections, double rate, double seconds)
{
	pause_ns = (uint64_t)((double)connections / rate * 1e9);
	begin_ns = clock_ns(CLOCK_MONOTONIC) + NS_PER_S / 4;
	end_ns = begin_ns + (uint64_t)(seconds * 1e9);
	for (long i = 0; i < connections; i++)
		start(ask_often,
			(void *)(intptr_t)(pause_ns / (uint64_t)connections * (uint64_t)i));
	/* The last answers take 44 ms. */
	sleep_until(end_ns + NS_PER_S / 2);
	printf("asked %llu late %llu\n", atomic_load(&asked), atomic_load(&late));
}

static void *ask_well(void *arg)
{
	enum manner how = (intptr_t)arg % 2 ? ONE_WRITE : TWO_NODELAY;
	int fd = dial(how);

	/* With the answer's. */
	while (atomic_fetch_add(&sends, how == ONE_WRITE ? 2 : 3) < atomic_load(&sends_wanted)) {
		uint64_t ns = clock_ns(CLOCK_MONOTONIC);

		ask(fd, how);
		atomic_fetch_add(&asked, 1);
		atomic_fetch_add(&late, clock_ns(CLOCK_MONOTONIC) - ns > LATE_NS);
	}
	return NULL;
}

static void healthy(uint64_t wanted)
{
	pthread_t thread[HEALTHY];

	atomic_store(&sends_wanted, wanted);
	for (intptr_t i = 0; i < HEALTHY; i++) {
		if (pthread_create(&thread[i], NULL, ask_well, (void *)i) != 0)
			die("pthread_create");
	}
	for (int i = 0; i < HEALTHY; i++)
		pthread_join(thread[i], NULL);
	printf("sends %llu late %llu\n", atomic_load(&sends), atomic_load(&late));
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The median of slices: what else runs on the machine takes some of them. */
static void trips(double seconds)
{
	enum { SLICES_MAX = 4096 };
	static uint64_t slice[SLICES_MAX];
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9), now = 0;
	int fd = dial(ONE_WRITE);
	size_t n = 0;

	for (; n < SLICES_MAX && now < until; n++) {
		uint64_t from = clock_ns(CLOCK_MONOTONIC);

		for (int i = 0; i < SLICE; i++)
			ask(fd, ONE_WRITE);
		now = clock_ns(CLOCK_MONOTONIC);
		slice[n] = (now - from) / SLICE;
	}
	qsort(slice, n, sizeof(*slice), compare_u64);
	printf("trip_ns %llu quick_ns %llu\n", (unsigned long long)slice[n / 2],
		(unsigned long long)slice[n / 10]);
}

static void listen_and_serve(void)
{
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
		listen(listener, CONNECTIONS_MAX) < 0)
		die("listen");
	pid_t pid = fork();

	if (pid == 0)
		serve(listener);
	if (pid < 0)
		die("fork");
	close(listener);
}

/* Both ends on one CPU: to wake another one takes as long as it likes, 10 to 70 us. */
static void stay(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("sched_setaffinity");
}

int main(int argc, char **argv)
{
	char line[8];

	if (argc < 3 || (strcmp(argv[1], "ask") == 0 && argc < 5)) {
		fputs("nagle-load ask CONNECTIONS RATE SECONDS|healthy SENDS|trips SECONDS\n",
			stderr);
		return 64;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(argv[1], "trips") == 0)
		stay();
	listen_and_serve();
	printf("port %u\n", ntohs(address.sin_port));
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (strcmp(argv[1], "ask") == 0)
		asks(strtol(argv[2], NULL, 10), strtod(argv[3], NULL), strtod(argv[4], NULL));
	else if (strcmp(argv[1], "healthy") == 0)
		healthy(strtoull(argv[2], NULL, 10));
	else
		trips(strtod(argv[2], NULL));
	return 0;
}
