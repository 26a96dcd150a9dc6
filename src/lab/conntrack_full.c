/* SPDX-License-Identifier: MIT */
/*
 * The limit is of the whole machine, its entries count in each namespace: so the lab lowers the
 * limit only where the machine itself tracks next to nothing, and fills its own namespace.
 */
#include "lab/lab.h"

#include "base/cursor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { PORT = 8080, LIMIT = 512, FILL = LIMIT - 2, OWN_MAX = 64, PAUSE_MS = 50 };

#define TOP "/proc/sys/net/netfilter/nf_conntrack_max"
#define COUNT "/proc/sys/net/netfilter/nf_conntrack_count"

static int number(const char *path, uint64_t *ret_value)
{
	char buf[32];
	ssize_t n = scene_read(path, buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n);

	return n < 0 ? (int)n : cursor_u64(&c, ret_value) ? 0 : -EINVAL;
}

static void take(int listener)
{
	for (;;)
		accept(listener, NULL, NULL);
}

/* Fills the table, and goes on trying: a SYN that is dropped takes a second to be sent again. */
static void connect_all(void)
{
	for (unsigned i = 0;; i++) {
		int fd = net_connect_at((uint16_t)(1 + i % 4), PORT, i >= FILL);

		if (i < FILL)
			continue;
		scene_nap(PAUSE_MS);
		if (fd >= 0)
			close(fd);
	}
}

static int track(struct scene *s)
{
	const char *table[] = { "nft", "add", "table", "ip", "lab", NULL };
	const char *chain[] = { "nft",
		"add chain ip lab in { type filter hook input priority 0 ; }", NULL };
	const char *rule[] = { "nft", "add", "rule", "ip", "lab", "in", "ct", "state",
		"established", "accept", NULL };

	if (scene_command(s, NULL, table) != 0 || scene_command(s, NULL, chain) != 0 ||
		scene_command(s, NULL, rule) != 0)
		return scene_skip(s, "nft does not work here");
	return 0;
}

static int run(struct scene *s)
{
	struct rlimit files = { 2 * LIMIT, 2 * LIMIT };
	uint64_t own = 0;
	char limit[16];

	if (number(COUNT, &own) < 0)
		return scene_skip(s, "this kernel does not track connections");
	if (own > OWN_MAX)
		return scene_skip(s,
			"this machine tracks %ju connections: a lower limit would "
			"harm them",
			(uintmax_t)own);
	snprintf(limit, sizeof(limit), "%d", LIMIT);
	int err = scene_knob(s, TOP, limit);

	if (err < 0)
		return scene_skip(s, TOP ": %s", strerror(-err));
	setrlimit(RLIMIT_NOFILE, &files);
	err = net_isolate(s);
	if (err == 0)
		err = track(s);
	for (uint16_t host = 1; err == 0 && host <= 4; host++) {
		int listener = net_listen_at(host, PORT, LIMIT);
		pid_t pid = listener < 0 ? listener : scene_child(s, "lab-server");

		if (pid == 0)
			take(listener);
		err = pid < 0 ? pid : 0;
		if (listener >= 0)
			close(listener);
	}
	pid_t pid = err < 0 ? err : scene_child(s, "lab-client");

	if (pid == 0)
		connect_all();
	if (pid < 0)
		return pid;
	scene_say(s, "lab-client (pid %d) opens more connections than the %d that may be tracked",
		(int)pid, LIMIT);
	scene_culprit(s, "host", 0, "");
	scene_nap(3000);
	return scene_hold(s);
}

const struct lab lab_conntrack_full = {
	.name = "conntrack-full",
	.story = "The table of tracked connections is full: new ones are dropped",
	.want = "net.drops",
	.also = { "tcp.retrans", "proc.fd-limit" },
	.bounds = "512 connections in a network namespace; nf_conntrack_max is 512 meanwhile, only "
		  "where "
		  "the machine itself tracks no more than 64",
	.root = true,
	.settle_s = 1,
	.run = run,
};
