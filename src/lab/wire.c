/* SPDX-License-Identifier: MIT */
#include "lab/wire.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PACKET_MAX = 2048, BURST = 64 };

struct packet {
	uint64_t due_ns;
	size_t len;
	char bytes[PACKET_MAX];
};

/* One way. */
struct way {
	int from, to;
	size_t head, n, room;
	struct packet *queue;
};

static int open_end(pid_t pid, const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	auto_close there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		_exit(1);
	/* The device will be in the namespace where this is opened. */
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		_exit(1);
	return fd;
}

static void take(struct way *w, uint64_t delay_ns)
{
	for (int i = 0; i < BURST && w->n < w->room; i++) {
		struct packet *p = &w->queue[(w->head + w->n) % w->room];
		ssize_t len = read(w->from, p->bytes, PACKET_MAX);

		if (len <= 0)
			return;
		p->len = (size_t)len;
		p->due_ns = clock_ns(CLOCK_MONOTONIC) + delay_ns;
		w->n++;
	}
}

static void give(struct way *w)
{
	while (w->n > 0 && w->queue[w->head].due_ns <= clock_ns(CLOCK_MONOTONIC)) {
		struct packet *p = &w->queue[w->head];

		if (write(w->to, p->bytes, p->len) < 0 && errno == EAGAIN)
			return;
		w->head = (w->head + 1) % w->room;
		w->n--;
	}
}

/* Until the next packet is due, at most a second. */
static struct timespec pause_of(const struct way way[2])
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), next = now + NS_PER_S - 1;

	for (int i = 0; i < 2; i++) {
		if (way[i].n > 0 && way[i].queue[way[i].head].due_ns < next)
			next = way[i].queue[way[i].head].due_ns;
	}
	return (struct timespec){ .tv_nsec = next > now ? (long)(next - now) : 100000 };
}

void wire_carry(int done, const void *context)
{
	const struct wire *wire = context;
	uint64_t delay_ns = wire->delay_ms * UINT64_C(1000000);
	int end[2];

	for (int i = 0; i < 2; i++)
		end[i] = open_end(wire->pid[i], wire->name[i]);
	struct way way[2] = { { .from = end[0], .to = end[1] }, { .from = end[1], .to = end[0] } };

	for (int i = 0; i < 2; i++) {
		way[i].room = wire->packets ? wire->packets : WIRE_PACKETS;
		way[i].queue = mem_new(way[i].room, sizeof(struct packet));
		if (!way[i].queue)
			_exit(1);
	}
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;) {
		struct pollfd p[2];
		struct timespec pause = pause_of(way);

		for (int i = 0; i < 2; i++)
			p[i] = (struct pollfd){ way[i].from, way[i].n < way[i].room ? POLLIN : 0,
				0 };
		ppoll(p, 2, &pause, NULL);
		for (int i = 0; i < 2; i++) {
			take(&way[i], delay_ns);
			give(&way[i]);
		}
	}
}
