/* SPDX-License-Identifier: MIT */
#include "lab/hosts.h"

#include "lab/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { CONNECTIONS_MAX = 64, PAUSE_MS = 1500 };

#define BLACKHOLES(verb)                                  \
	"ip route " verb " blackhole " HOSTS_PEER "/32\n" \
	"ip route " verb " blackhole " HOSTS_FIRST "/32\n"

struct hosts {
	pid_t router, peer; /* who are alone in their namespaces, and hold them */
};

static struct sockaddr_in server_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(HOSTS_PORT) };

	inet_pton(AF_INET, HOSTS_PEER, &a.sin_addr);
	return a;
}

static int network_of(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void alone(int done, const void *unused UNUSED) __attribute__((noreturn));
static void alone(int done, const void *unused UNUSED)
{
	if (unshare(CLONE_NEWNET) < 0 || write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Have a shell run that in the namespace of a process. 0 or -errno. */
static int run_in(struct scene *s, pid_t pid, const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	auto_close here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_close there = network_of(pid);

	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return -errno;
	int code = scene_command(s, NULL, argv);

	if (setns(here, CLONE_NEWNET) < 0)
		return -errno;
	return code == 0 ? 0 : -EIO;
}

/* Between the router and the other host. */
static int last_link(struct scene *s, const struct hosts *h, unsigned delay_ms)
{
	struct wire wire = { { h->router, h->peer }, { "lab-b", "lab-p" }, delay_ms };
	char script[128];

	if (delay_ms == 0) {
		snprintf(script, sizeof(script),
			"ip link add lab-b type veth peer name lab-p netns %d", (int)h->peer);
		return run_in(s, h->router, script);
	}
	pid_t pid = scene_child_done(s, "lab-wire", wire_carry, &wire);

	return pid < 0 ? pid : 0;
}

static int wire(struct scene *s, const struct hosts *h, unsigned delay_ms)
{
	char ours[512];
	static const char routers[] = "ip address add 192.0.2.254/24 dev lab-r\n"
				      "ip address add " HOSTS_ROUTER "/24 dev lab-b\n"
				      "ip link set lab-r up\n"
				      "ip link set lab-b up\n"
				      "echo 1 >/proc/sys/net/ipv4/ip_forward\n";

	snprintf(ours, sizeof(ours),
		"ip link add lab-a type veth peer name lab-r netns %d\n"
		"ip address add " HOSTS_FIRST "/24 dev lab-a\n"
		"ip link set lab-a up\n",
		(int)h->router);
	int err = run_in(s, getpid(), ours);

	if (err == 0)
		err = last_link(s, h, delay_ms);
	if (err == 0)
		err = run_in(s, h->router, routers);
	if (err == 0)
		err = run_in(s, h->peer,
			"ip address add " HOSTS_PEER "/24 dev lab-p\n"
			"ip link set lab-p up\n"
			"ip route add default via " HOSTS_ROUTER "\n");
	if (err == 0)
		err = run_in(s, getpid(), "ip route add default via 192.0.2.254");
	return err;
}

static int make(struct scene *s, unsigned delay_ms, struct hosts *ret_hosts)
{
	if (!scene_has("ip"))
		return scene_skip(s, "ip is not installed (iproute2)");
	int err = net_isolate(s);

	if (err < 0)
		return err;
	ret_hosts->router = scene_child_done(s, "lab-router", alone, NULL);
	ret_hosts->peer = scene_child_done(s, "lab-peer", alone, NULL);
	if (ret_hosts->router < 0 || ret_hosts->peer < 0 || wire(s, ret_hosts, delay_ms) < 0)
		return scene_skip(s, "may not make pairs of network interfaces");
	return 0;
}

/* Answers one word of each client, and then ends the connection, reads it or forgets it. */
static void serve(int done, const void *context) __attribute__((noreturn));
static void serve(int done, const void *context)
{
	const struct hosts_tale *t = context;
	struct sockaddr_in a = server_address();
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char buf[1 << 20];
	ssize_t n;
	char c;

	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(listener, CONNECTIONS_MAX) < 0 || write(done, "d", 1) != 1)
		_exit(1);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || read(fd, &c, 1) != 1 || write(fd, &c, 1) != 1)
			_exit(1);
		if (t->server_closes)
			close(fd);
		while (t->reads && (n = read(fd, buf, sizeof(buf))) > 0)
			;
	}
}

static pid_t start_server(struct scene *s, const struct hosts *h, const struct hosts_tale *t)
{
	auto_close here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_close there = network_of(h->peer);

	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return -errno;
	pid_t pid = scene_child_done(s, "lab-server", serve, t);

	return setns(here, CLONE_NEWNET) < 0 ? -errno : pid;
}

/* It says when it is connected, and acts when it is told to. */
struct talk {
	const struct hosts_tale *t;
	int go;
};

/* A connection that has talked. */
static int greet(void)
{
	struct sockaddr_in a = server_address();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c = 'x';

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || write(fd, &c, 1) != 1 ||
		read(fd, &c, 1) != 1)
		_exit(1);
	return fd;
}

static void talk(int done, const void *context) __attribute__((noreturn));
static void talk(int done, const void *context)
{
	const struct talk *talk = context;
	const struct hosts_tale *t = talk->t;
	int fd[CONNECTIONS_MAX];
	char c;

	for (unsigned i = 0; i < t->connections && i < CONNECTIONS_MAX; i++) {
		fd[i] = greet();
		if (t->server_closes && read(fd[i], &c, 1) != 0)
			_exit(1);
		if (t->open)
			t->open(fd[i]);
	}
	if (write(done, "d", 1) != 1 || read(talk->go, &c, 1) != 1)
		_exit(1);
	for (unsigned i = 0; t->act && i < t->connections; i++)
		t->act(fd[i]);
	for (;;)
		pause();
}

void hosts_keepalive(int fd)
{
	int one = 1, many = 100;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &many, sizeof(many)) < 0)
		_exit(1);
}

void hosts_speak(int fd)
{
	static const char text[1000];

	if (write(fd, text, sizeof(text)) != sizeof(text))
		_exit(1);
}

void hosts_upload(int fd)
{
	static const char page[9000];

	if (write(fd, page, sizeof(page)) != sizeof(page))
		_exit(1);
}

static void upload_much(int fd)
{
	static const char file[100000];
	int room = 2 * sizeof(file);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0 ||
		write(fd, file, sizeof(file)) != sizeof(file))
		_exit(1);
}

void hosts_upload_again(int fd)
{
	upload_much(fd);
	scene_nap(4000);
	upload_much(greet());
}

static void send_datagrams(const struct sockaddr_in *a, size_t size) __attribute__((noreturn));
static void send_datagrams(const struct sockaddr_in *a, size_t size)
{
	static const char bytes[1472];
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (udp < 0)
		_exit(1);
	for (;;) {
		/* What IPsec drops is an error here, and port unreachable is another. */
		(void)!sendto(udp, bytes, size, 0, (const struct sockaddr *)a, sizeof(*a));
		scene_nap(10);
	}
}

void hosts_datagrams(int fd UNUSED)
{
	struct sockaddr_in a = server_address();

	send_datagrams(&a, 1);
}

void hosts_datagrams_inside(int fd UNUSED)
{
	struct sockaddr_in a = server_address();

	inet_pton(AF_INET, HOSTS_INSIDE, &a.sin_addr);
	send_datagrams(&a, 1472);
}

void hosts_stream(int fd)
{
	static const char piece[1 << 16];

	while (write(fd, piece, sizeof(piece)) > 0)
		;
	_exit(1);
}

void hosts_stream_small(int fd)
{
	int room = 1 << 15;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
		_exit(1);
	hosts_stream(fd);
}

void hosts_stream_paced(int fd)
{
	int rate = 8;

	if (setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) < 0)
		_exit(1);
	hosts_stream(fd);
}

void hosts_stream_slowly(int fd)
{
	static const char piece[40000];

	while (write(fd, piece, sizeof(piece)) > 0)
		scene_nap(10);
	_exit(1);
}

void hosts_close(int fd)
{
	close(fd);
}

void hosts_speak_and_close(int fd)
{
	hosts_speak(fd);
	close(fd);
}

void hosts_connect(int fd UNUSED)
{
	struct sockaddr_in a = server_address();
	int more = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (connect(more, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		_exit(1);
}

/* Nothing passes any more; then the host is gone, with all that it knew. */
static int power_off(struct scene *s, const struct hosts *h, pid_t server)
{
	int err = run_in(s, h->router, BLACKHOLES("add"));

	if (err == 0 && (kill(server, SIGKILL) < 0 || kill(h->peer, SIGKILL) < 0))
		err = -errno;
	return err;
}

static int run_all(struct scene *s, const struct hosts *h, const struct hosts_tale *t)
{
	int err = t->here ? run_in(s, getpid(), t->here) : 0;

	if (err == 0 && t->router)
		err = run_in(s, h->router, t->router);
	if (err == 0 && t->there)
		err = run_in(s, h->peer, t->there);
	return err == -EIO && t->needs ? scene_skip(s, "%s", t->needs) : err;
}

static int play(
	struct scene *s, const struct hosts *h, const struct hosts_tale *t, pid_t server, int go)
{
	int err = run_all(s, h, t);

	if (err == 0 && t->fate == HOSTS_OFF)
		err = power_off(s, h, server);
	else if (err == 0 && t->fate == HOSTS_PAUSES)
		err = run_in(s, h->router, BLACKHOLES("add"));
	if (err == 0 && write(go, "g", 1) != 1)
		err = -errno;
	if (err == 0 && t->fate == HOSTS_PAUSES) {
		scene_nap(PAUSE_MS);
		err = run_in(s, h->router, BLACKHOLES("del"));
	}
	return err;
}

static int set(const char *const sysctl[2])
{
	char path[96];

	if (!sysctl[0])
		return 0;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", sysctl[0]);
	return scene_write(path, sysctl[1]);
}

static int set_there(const struct hosts *h, const char *const sysctl[2])
{
	auto_close here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_close there = network_of(h->peer);

	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return -errno;
	int err = set(sysctl);

	return setns(here, CLONE_NEWNET) < 0 ? -errno : err;
}

int hosts_tell(struct scene *s, const struct hosts_tale *t)
{
	struct hosts h = { 0 };
	int go[2], err = make(s, t->delay_ms, &h);

	if (err < 0)
		return err;
	if (t->path)
		err = run_in(s, h.router, t->path);
	if (err == 0)
		err = set(t->sysctl);
	if (err == 0)
		err = set_there(&h, t->sysctl_there);
	if (err == -EACCES || err == -EROFS)
		return scene_skip(s, "/proc/sys cannot be written");
	pid_t server = err < 0 ? err : start_server(s, &h, t);

	if (server < 0)
		return server;
	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	struct talk how = { .t = t, .go = go[0] };
	pid_t client = scene_child_done(s, "lab-client", talk, &how);

	err = client < 0 ? client : play(s, &h, t, server, go[1]);
	if (err < 0)
		return err;
	scene_say(s, "lab-client (pid %d) %s", (int)client, t->says);
	if (t->culprit && strcmp(t->culprit, "process") == 0)
		scene_culprit(s, "process", client, "lab-client");
	else if (t->culprit && strcmp(t->culprit, "self") == 0)
		scene_culprit(s, "host", 0, "");
	else if (t->culprit && strncmp(t->culprit, "interface ", 10) == 0)
		scene_culprit(s, "interface", 0, t->culprit + 10);
	else if (t->culprit)
		scene_culprit(s, "peer", 0, strcmp(t->culprit, "host") ? HOSTS_SERVER : HOSTS_PEER);
	return scene_hold(s);
}
