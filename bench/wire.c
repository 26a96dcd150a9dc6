/* SPDX-License-Identifier: MIT */
/*
 * wire NETNS DELAY_MS: a wire between this network namespace and that of the file NETNS, on which
 * each packet takes so long, in order. Both ends are tun devices called wire0, which somebody else
 * gives addresses; "ready" when both are there. What does not fit into the queue of 64 MiB each
 * way waits in the device, whose own queue is bounded and drops.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 32768, PACKET_MAX = 2048, BURST = 64 };

struct packet {
	uint64_t due_ns;
	uint16_t len;
	char bytes[PACKET_MAX];
};

/* One way. */
struct way {
	int from, to;
	size_t head, n;
	struct packet *queue;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int open_end(void)
{
	struct ifreq r = { .ifr_name = "wire0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		fail("wire: /dev/net/tun");
	return fd;
}

static void take(struct way *w, uint64_t delay_ns)
{
	for (int i = 0; i < BURST && w->n < PACKETS; i++) {
		struct packet *p = &w->queue[(w->head + w->n) % PACKETS];
		ssize_t len = read(w->from, p->bytes, PACKET_MAX);

		if (len <= 0)
			return;
		p->len = (uint16_t)len;
		p->due_ns = now_ns() + delay_ns;
		w->n++;
	}
}

static void give(struct way *w)
{
	while (w->n > 0 && w->queue[w->head].due_ns <= now_ns()) {
		struct packet *p = &w->queue[w->head];

		if (write(w->to, p->bytes, p->len) < 0 && errno == EAGAIN)
			return;
		w->head = (w->head + 1) % PACKETS;
		w->n--;
	}
}

static void carry(struct way way[2], uint64_t delay_ns)
{
	for (;;) {
		struct pollfd p[2];
		uint64_t next_ns = UINT64_MAX, now = now_ns();

		for (int i = 0; i < 2; i++) {
			struct way *w = &way[i];

			p[i] = (struct pollfd){ w->from, w->n < PACKETS ? POLLIN : 0, 0 };
			if (w->n > 0 && w->queue[w->head].due_ns < next_ns)
				next_ns = w->queue[w->head].due_ns;
		}
		uint64_t wait_ns = next_ns == UINT64_MAX ? 1000000000
				   : next_ns > now       ? next_ns - now
							 : 100000;
		struct timespec t = { (time_t)(wait_ns / 1000000000),
			(long)(wait_ns % 1000000000) };

		ppoll(p, 2, &t, NULL);
		for (int i = 0; i < 2; i++) {
			take(&way[i], delay_ns);
			give(&way[i]);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: wire NETNS DELAY_MS\n");
		return 2;
	}
	int here = open_end(), other = open(argv[1], O_RDONLY | O_CLOEXEC);

	if (other < 0 || setns(other, CLONE_NEWNET) < 0)
		fail(argv[1]);
	int there = open_end();
	struct way way[2] = { { .from = here, .to = there }, { .from = there, .to = here } };

	for (int i = 0; i < 2; i++) {
		way[i].queue = malloc(PACKETS * sizeof(struct packet));
		if (!way[i].queue)
			fail("wire");
	}
	puts("ready");
	fflush(stdout);
	carry(way, strtoull(argv[2], NULL, 10) * 1000000);
}
