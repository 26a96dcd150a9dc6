/* SPDX-License-Identifier: MIT */
/*
 * A lossy path without netem: a filter on the receiving socket throws a share of the segments away
 * before TCP sees them (net/ipv4/tcp_ipv4.c, tcp_filter()), which for the sender is a loss on the
 * way.
 */
#include "lab/lab.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { PORT = 8080, PEERS = 3, LOSSY = PEERS, LOSSY_CLIENTS = 8, REQUEST = 16384, PAUSE_MS = 20 };
/*
 * Longer than a TCP header: it has data. Bare ACKs are let through, or the servers would lose too.
 */
enum { WITH_DATA = 64 };
enum { IDENTIFICATION = 4 }; /* in the IP header */
/* Both powers of two. */
enum { PATH_EACH = 8, PATH_LOST = 2 };

/*
 * Of each 8 numbers that the client's connection counts its packets with (the IP identification: of
 * a connection one more a packet, net/ipv4/ip_output.c) the first two are lost. No chance is in it:
 * a request that is lost is lost again as the probe 0.2 s later, and arrives as what the time-out
 * sends.
 *
 *	0 lost  1 probe, lost  2 sent again  3 ACK  4 request  5 ACK  6 request  7 ACK  0 lost ...
 *
 * Whoever begins at an odd number is there after the first loss, of 1. So each client sends 2
 * segments again in three pauses, 0.2 s to the probe and 0.2 to 0.4 s to the time-out, 0.66 s at
 * the most: 8 clients 8 * 2 * 3 = 48 in a look of 2 s, where 20 are needed, and 24 time-outs, where
 * one is.
 */
static int lose(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, WITH_DATA, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)SKF_NET_OFF + IDENTIFICATION),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PATH_EACH - PATH_LOST, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog filter = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno
											 : 0;
}

/* Reads requests and answers each with a byte, until the client goes. */
static void serve_one(int fd)
{
	static char buf[REQUEST];

	for (;;) {
		if (recv(fd, buf, sizeof(buf), MSG_WAITALL) != REQUEST || send(fd, "y", 1, 0) != 1)
			_exit(0);
	}
}

static void serve(struct scene *s, int listener, bool lossy)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || (lossy && lose(fd) < 0))
			_exit(1);
		if (scene_child(s, "lab-server") == 0)
			serve_one(fd);
		close(fd);
	}
}

static void ask(int fd)
{
	static char buf[REQUEST];
	int one = 1;
	char answer;

	for (;;) {
		/* An ACK that waits for the next request may be lost with it. */
		if (send(fd, buf, sizeof(buf), 0) != REQUEST || recv(fd, &answer, 1, 0) != 1 ||
			setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one)) < 0)
			_exit(1);
		scene_nap(PAUSE_MS);
	}
}

static int client(struct scene *s, uint16_t host)
{
	static const char cubic[] = "cubic";
	int fd = net_connect_at(host, PORT, false);

	if (fd < 0)
		return fd;
	/* As most machines have it; one without cubic goes on with its own. */
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cubic, sizeof(cubic) - 1);
	pid_t pid = scene_child(s, "lab-client");

	if (pid == 0)
		ask(fd);
	close(fd);
	return pid < 0 ? pid : 0;
}

int net_path(struct scene *s, bool lossy)
{
	int err = net_isolate(s);

	for (uint16_t host = 1; err == 0 && host <= PEERS; host++) {
		int listener = net_listen_at(host, PORT, 16);
		pid_t pid = listener < 0 ? listener : scene_child(s, "lab-server");

		if (pid == 0)
			serve(s, listener, lossy && host == LOSSY);
		err = pid < 0 ? pid : 0;
		if (listener >= 0)
			close(listener);
		for (int i = 0; err == 0 && i < (host == LOSSY ? LOSSY_CLIENTS : 1); i++)
			err = client(s, host);
	}
	if (err < 0)
		return err;
	scene_say(s, "clients talk to 127.0.0.1, .2 and .3 in a namespace; %d %% is lost to .3",
		lossy ? 100 * PATH_LOST / PATH_EACH : 0);
	scene_nap(2000);
	return 0;
}
