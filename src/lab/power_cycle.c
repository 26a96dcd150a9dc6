/* SPDX-License-Identifier: MIT */
#include "lab/guest.h"
#include "lab/guest_boot.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PEER "198.51.100.2"
#define TAP "lab-t"

enum { PORT = 8080, CONNECTIONS = 12, PROBED = 4, MEMORY_MIB = 384 };

/* A switch between the two: this side's link stays up while the other machine is off. */
static const char network[] = "ip link add lab-a type veth peer name lab-s\n"
			      "ip link add lab-b type bridge\n"
			      "ip tuntap add " TAP " mode tap\n"
			      "ip link set lab-s master lab-b\n"
			      "ip link set " TAP " master lab-b\n"
			      "ip address add 198.51.100.1/24 dev lab-a\n"
			      "for i in lab-s " TAP " lab-b lab-a; do ip link set $i up; done\n";

struct machine {
	const struct guest_place *place;
	bool listens;
	int done; /* in the process of the guest */
};

static void hear(void *context, struct cursor line)
{
	struct machine *m = context;

	if (cursor_lit(&line, GUEST_PEER_READY) && write(m->done, "d", 1) != 1)
		_exit(1);
}

static void boot(int done, const void *context)
{
	static const struct lab_guest wish = { .memory_mib = MEMORY_MIB };
	static const struct guest_options options = { .tap = TAP };
	struct machine m = *(const struct machine *)context;
	struct guest_boot b = { .place = m.place,
		.options = &options,
		.wish = &wish,
		.arguments = m.listens ? "/usr/bin/murphy-lab\npeer\n" PEER "\n8080\n"
				       : "/usr/bin/murphy-lab\npeer\n" PEER "\n",
		/* It says nothing more, and has no longer than the lab has. */
		.silent_s = LAB_SETUP_S + LAB_FOR_MAX_S,
		.line = hear,
		.context = &m };

	m.done = done;
	guest_boot(&b);
	_exit(1);
}

/* Some have keepalive, which begins after two hours by default: it tells nothing today. */
static void greet(bool probed)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, idle = 7200;
	char c = 'x';

	inet_pton(AF_INET, PEER, &a.sin_addr);
	if (probed && (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) < 0 ||
			      setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) < 0))
		_exit(1);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || write(fd, &c, 1) != 1 ||
		read(fd, &c, 1) != 1)
		_exit(1);
}

static void connect_all(int done, const void *unused UNUSED)
{
	for (int i = 0; i < CONNECTIONS; i++)
		greet(i < PROBED);
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int make_network(struct scene *s)
{
	const char *const argv[] = { "sh", "-ec", network, NULL };

	if (!scene_has("ip"))
		return scene_skip(s, "ip is not installed (iproute2)");
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		return scene_skip(s, "/dev/net/tun: %s", strerror(errno));
	int err = net_isolate(s);

	if (err < 0)
		return err;
	if (scene_command(s, NULL, argv) != 0)
		return scene_skip(s, "may not make a bridge with a TAP device");
	err = scene_write("/proc/sys/net/ipv4/tcp_keepalive_time", "2");
	if (err == -EACCES || err == -EROFS)
		return scene_skip(s, "/proc/sys cannot be written");
	return err;
}

/* qemu dies with its parent, at once and without a word to anybody. Both are ours to wait for. */
static int cut_power(pid_t guest)
{
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || kill(guest, SIGKILL) < 0)
		return -errno;
	scene_join(guest);
	return waitpid(-1, NULL, 0) < 0 ? -errno : 0;
}

static int run(struct scene *s)
{
	struct guest_place place;
	struct machine m = { .place = &place, .listens = true };
	char why[128];

	if (guest_inside())
		return scene_skip(s, "a guest within a guest would take minutes to boot");
	if (guest_find(NULL, &place, why, sizeof(why)) < 0)
		return scene_skip(s, "%s", why);
	int err = scene_need_memory(s, (uint64_t)MEMORY_MIB << 20);

	if (err == 0)
		err = make_network(s);
	if (err < 0)
		return err;
	pid_t guest = scene_child_done(s, "lab-guest", boot, &m);
	pid_t client = guest < 0 ? guest : scene_child_done(s, "lab-client", connect_all, NULL);

	if (client < 0)
		return client;
	err = cut_power(guest);
	if (err < 0)
		return err;
	m.listens = false;
	guest = scene_child_done(s, "lab-guest", boot, &m);
	if (guest < 0)
		return guest;
	scene_say(s,
		"lab-client (pid %d) has %d idle connections to " PEER
		":8080, a machine that lost its power and is back; %d have keepalive, after 2 "
		"hours",
		(int)client, CONNECTIONS, PROBED);
	scene_culprit(s, "process", client, "lab-client");
	return scene_hold(s);
}

const struct lab lab_power_cycle = {
	.name = "power-cycle",
	.story = "A server's machine lost its power and is back, and knows nothing of a pool's "
		 "idle connections",
	.want = "tcp.half-open",
	.bounds = "a network namespace, a QEMU guest of 384 MiB, booted twice",
	.root = true,
	.mild = true,
	/* What the boot took of the CPUs is over. */
	.settle_s = 10,
	.run = run,
};
