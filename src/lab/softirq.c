/* SPDX-License-Identifier: MIT */
/*
 * A pair of veth in a namespace of its own; what arrives at the far end is steered to one CPU
 * (RPS), where captures with long filters make each packet dear. The flood comes in bursts from
 * another CPU.
 */
#include "lab/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

enum { BURST = 2500, PAUSE_MS = 20, FRAME = 64, CAPTURES = 80, FILTER = 120 };

#define NEAR "lab-near"
#define FAR "lab-far"

static int up(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP };
	auto_close fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

/* sysfs shows the interfaces of the namespace that mounts it. */
static int steer(const char *mask)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("lab", "/sys", "sysfs", 0, NULL) < 0)
		return -errno;
	return scene_write("/sys/class/net/" FAR "/queues/rx-0/rps_cpus", mask);
}

static int packet_socket(const char *name, uint16_t protocol)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(protocol));

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd < 0 ? -errno : fd;
}

/*
 * A capture that looks at each packet for long, and takes none. Its filter is no longer than fits
 * into 20 KiB (net.core.optmem_max, until 6.7) once the kernel has translated it.
 */
static int capture(void)
{
	static struct sock_filter code[FILTER];
	struct sock_fprog filter = { .len = FILTER, .filter = code };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	for (size_t i = 0; i + 1 < FILTER; i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, i % FRAME);
	code[FILTER - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
		return -errno;
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(FAR) };

	return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -errno : fd;
}

static void flood(int fd)
{
	static const char frame[FRAME] = {
		[0] = (char)0xff, [6] = 2, [12] = (char)0x88, [13] = (char)0xb5
	};
	/*
	 * What waits in the backlog still counts as the sender's: room for more than fits in there.
	 */
	int room = BURST * 4096;
	cpu_set_t first;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (;;) {
		for (int i = 0; i < BURST; i++)
			send(fd, frame, sizeof(frame), 0);
		scene_nap(PAUSE_MS);
	}
}

static int run(struct scene *s)
{
	const char *add[] = { "ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR,
		NULL };
	int err;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return scene_skip(s, "needs two CPUs");
	err = net_isolate(s);
	if (err < 0)
		return err;
	if (scene_command(s, NULL, add) != 0)
		return scene_skip(s, "ip link add type veth does not work here");
	err = up(NEAR);
	if (err == 0)
		err = up(FAR);
	if (err == 0)
		err = steer("2");
	if (err < 0)
		return scene_skip(s, "RPS: %s", strerror(-err));
	for (int i = 0; i < CAPTURES && err >= 0; i++)
		err = capture();
	int fd = err < 0 ? err : packet_socket(NEAR, 0);
	pid_t pid = fd < 0 ? fd : scene_child(s, "lab-flood");

	if (pid == 0)
		flood(fd);
	if (pid < 0)
		return pid;
	scene_say(s, "%d packets every %d ms go to " FAR ", whose packets all go to CPU 1", BURST,
		PAUSE_MS);
	scene_culprit(s, "interface", 0, FAR);
	scene_nap(1000);
	return scene_hold(s);
}

const struct lab lab_softirq = {
	.name = "softirq",
	.story = "All packets of an interface go to one CPU, which cannot keep up",
	.want = "net.softirq",
	.also = { "cpu.saturated" },
	.bounds = "up to 125,000 packets a second between two interfaces of a namespace",
	.root = true,
	.settle_s = 1,
	.run = run,
};
