/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void set_up(int fd, const char *name, bool up)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		_exit(1);
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		_exit(1);
}

/* The end in the other namespace: waits until it is there, then lets the link come and go. */
static void flap(unsigned ms, bool once)
{
	if (unshare(CLONE_NEWNET) < 0)
		_exit(1);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	while (if_nametoindex("lab-peer") == 0)
		scene_nap(20);
	set_up(fd, "lab-peer", true);
	if (once) {
		scene_nap(1000);
		set_up(fd, "lab-peer", false);
		for (;;)
			pause();
	}
	for (bool up = false;; up = !up) {
		scene_nap(ms);
		set_up(fd, "lab-peer", up);
	}
}

/* Whether that process is in another network namespace than ours. */
static bool left_network(pid_t pid)
{
	char path[40], own[64] = "", its[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return readlink("/proc/self/ns/net", own, sizeof(own) - 1) > 0 &&
	       readlink(path, its, sizeof(its) - 1) > 0 && strcmp(own, its) != 0;
}

int net_flaps(struct scene *s, unsigned ms, bool once)
{
	char peer[16];

	if (!scene_has("ip"))
		return scene_skip(s, "ip is not installed (iproute2)");
	pid_t pid = scene_child(s, "lab-flap");

	if (pid < 0)
		return pid;
	if (pid == 0)
		flap(ms, once);
	/* Else its end of the pair would come into our own. */
	for (int i = 0; i < 500 && !left_network(pid) && scene_state(pid) != 'Z'; i++)
		scene_nap(20);
	snprintf(peer, sizeof(peer), "%d", (int)pid);
	/* The namespace's end takes both ends with it. */
	const char *name = once ? "lab-once" : "lab-flap";
	const char *add[] = { "ip", "link", "add", name, "up", "type", "veth", "peer", "name",
		"lab-peer", "netns", peer, NULL };

	if (!left_network(pid) || scene_command(s, NULL, add) != 0)
		return scene_skip(s, "may not make a pair of network interfaces");
	return 0;
}
