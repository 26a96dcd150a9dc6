/* SPDX-License-Identifier: MIT */
/*
 * What a network namespace tells: TCP sockets by NETLINK_SOCK_DIAG (net/ipv4/inet_diag.c),
 * interfaces and queueing disciplines by NETLINK_ROUTE, settings below /proc/sys/net.
 */
#include "base/mem.h"
#include "host/door.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

/* The kernel fills at most 32 KiB a message; what is shown to a tap ends at the second. */
enum { CHUNK = 65536, TAP_LIMIT = 64 << 20 };
/* TCP_ESTABLISHED to TCP_CLOSING: sockets that are only bound have a bit above these. */
enum { ALL_STATES = 0xfff };
enum { SILENCE_S = 1 };

typedef int each_fn(void *arg, const char *buf, size_t len);

/*
 * Go into the namespace; *ret_here, -1 when it is our own anyway, leads back. The inode is compared
 * because pid may be another process by now.
 */
static int enter(uint64_t netns, uint64_t pid, int *ret_here)
{
	char path[64];
	struct stat st = { 0 };

	*ret_here = -1;
	if (netns == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%llu/ns/net", (unsigned long long)pid);
	auto_close there = open(path, O_RDONLY | O_CLOEXEC);

	if (there < 0)
		return -errno;
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int err = here < 0 || fstat(there, &st) < 0 ? -errno : 0;

	if (err == 0 && st.st_ino != netns)
		err = -ESRCH;
	if (err == 0 && setns(there, CLONE_NEWNET) < 0)
		err = -errno;
	if (err < 0 && here >= 0)
		close(here);
	if (err == 0)
		*ret_here = here;
	return err;
}

/* Lost in the other namespace, "own" would be a lie from now on: no less than -EIO. */
static int leave(int here)
{
	if (here < 0)
		return 0;
	int err = setns(here, CLONE_NEWNET) < 0 ? -errno : 0;

	close(here);
	return err == -EPERM ? -EIO : err;
}

int host_netns_do(uint64_t netns, uint64_t pid, int (*work)(void *arg), void *arg)
{
	int here, err = enter(netns, pid, &here);

	if (err < 0)
		return err;
	err = work(arg);
	int left = leave(here);

	return left < 0 ? left : err;
}

/* A socket belongs to the namespace in which it was made, for ever. */
static int socket_in(uint64_t netns, uint64_t pid, int protocol)
{
	int here, err = enter(netns, pid, &here);

	if (err < 0)
		return err;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		fd = -errno;
	err = leave(here);
	if (err < 0 && fd >= 0)
		close(fd);
	return err < 0 ? err : fd;
}

static int send_all(int fd, const void *ask, size_t len)
{
	struct timeval patience = { .tv_sec = SILENCE_S };
	ssize_t n;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	do {
		n = send(fd, ask, len, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

enum { EXTENSIONS = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1) };

/*
 * Both families at once, which only the older form of the question knows: the kernel walks its
 * whole hash, 1 ms of empty buckets on 24 GiB, for each question (net/ipv4/inet_diag.c,
 * inet_diag_dump_compat()).
 */
static int ask_both(int fd)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req req;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			.nlmsg_type = TCPDIAG_GETSOCK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.req = { .idiag_family = AF_INET,
			.idiag_ext = EXTENSIONS,
			.idiag_states = ALL_STATES },
	};

	return send_all(fd, &ask, sizeof(ask));
}

static int ask_family(int fd, int family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} ask = {
		.head = { .nlmsg_len = sizeof(ask),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.req = { .sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = EXTENSIONS,
			.idiag_states = ALL_STATES },
	};

	return send_all(fd, &ask, sizeof(ask));
}

/* What the kernel calls an error: include/linux/err.h. */
enum { ERRNO_MOST = 4095 };

int host_netlink_end(const char *buf, size_t len)
{
	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr head;
		int err = 0;

		memcpy(&head, buf, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
			return -EBADMSG;
		/* Both begin with an errno; old kernels end a dump without one. */
		if (head.nlmsg_len >= sizeof(head) + sizeof(err))
			memcpy(&err, buf + sizeof(head), sizeof(err));
		if (err < -ERRNO_MOST)
			err = -EBADMSG;
		if (head.nlmsg_type == NLMSG_DONE)
			return err < 0 ? err : 1;
		if (head.nlmsg_type == NLMSG_ERROR)
			return err < 0 ? err : -EBADMSG;
		size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);

		if (step >= len)
			break;
		buf += step;
		len -= step;
	}
	return 0;
}

/* One datagram into buf. Its length or -errno. */
static ssize_t receive(int fd, char *buf)
{
	struct iovec iov = { .iov_base = buf, .iov_len = CHUNK };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (msg.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return n == 0 ? -EBADMSG : n;
}

/* Hand each chunk of the answer to each(), and to all while there is room; count them. */
static int dump(int fd, each_fn *each, void *arg, bool keep, struct strbuf *all, size_t *chunks)
{
	auto_free char *buf = mem_new(1, CHUNK);
	bool dropped = false;
	int end = 0;

	if (!buf)
		return -ENOMEM;
	while (end == 0) {
		ssize_t n = receive(fd, buf);

		/* Some of the answer is gone, the rest still comes: take it, and say so. */
		if (n == -ENOBUFS && !dropped) {
			dropped = true;
			continue;
		}
		if (n < 0)
			return (int)n;
		end = host_netlink_end(buf, (size_t)n);
		if (end < 0)
			return end;
		keep = keep && all->len + (size_t)n <= TAP_LIMIT;
		if (keep)
			strbuf_add(all, buf, (size_t)n);
		(*chunks)++;
		int err = each(arg, buf, (size_t)n);

		if (err < 0)
			return err;
	}
	return dropped ? -ENOBUFS : 0;
}

static int dump_families(
	struct host *h, int fd, each_fn *each, void *arg, struct strbuf *all, size_t *chunks)
{
	static const int families[] = { AF_INET, AF_INET6 };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && err == 0; i++) {
		err = ask_family(fd, families[i]);
		if (err == 0)
			err = dump(fd, each, arg, host_tapped(h), all, chunks);
	}
	return err;
}

static int dump_live(
	struct host *h, const char *path, uint64_t netns, uint64_t pid, each_fn *each, void *arg)
{
	auto_strbuf all = { 0 };
	auto_close fd = socket_in(netns, pid, NETLINK_SOCK_DIAG);
	size_t chunks = 0;
	int err = fd < 0 ? fd : ask_both(fd);

	if (err == 0)
		err = dump(fd, each, arg, host_tapped(h), &all, &chunks);
	/* Refused: a kernel, or what plays one, that only knows the newer form. */
	if (fd >= 0 && chunks == 0 && (err == -ENOENT || err == -EOPNOTSUPP || err == -EINVAL))
		err = dump_families(h, fd, each, arg, &all, &chunks);
	host_show(h, 'f', path, err, all.bytes, all.len);
	return err;
}

static int replay(struct host *h, const char *path, each_fn *each, void *arg)
{
	auto_strbuf all = { 0 };
	int err = host_read_all(h, path, TAP_LIMIT, &all);

	if (err < 0 || all.len == 0)
		return err;
	return each(arg, all.bytes, all.len);
}

int host_tcp_diag(struct host *h, uint64_t netns, uint64_t pid,
	int (*each)(void *arg, const char *buf, size_t len), void *arg)
{
	/* Captures of the first murphy have a file for each family. */
	static const char *const old[] = { "tcp4.bin", "tcp6.bin" };
	unsigned long long inode = netns;
	char path[64];

	snprintf(path, sizeof(path), "netlink/%llu/tcp.bin", inode);
	if (host_is_live(h))
		return dump_live(h, path, netns, pid, each, arg);
	int err = replay(h, path, each, arg), none = err;

	for (size_t i = 0; none == -ENOENT && i < ARRAY_SIZE(old); i++) {
		snprintf(path, sizeof(path), "netlink/%llu/%s", inode, old[i]);
		err = replay(h, path, each, arg);
		if (err < 0)
			break;
	}
	return err;
}

static int ask_route(int fd, enum host_route what)
{
	struct {
		struct nlmsghdr head;
		union {
			struct ifinfomsg link;
			struct tcmsg qdisc;
		};
	} ask = {
		.head = { .nlmsg_type = what == HOST_LINKS ? RTM_GETLINK : RTM_GETQDISC,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};

	ask.head.nlmsg_len =
		NLMSG_LENGTH(what == HOST_LINKS ? sizeof(ask.link) : sizeof(ask.qdisc));
	return send_all(fd, &ask, ask.head.nlmsg_len);
}

int host_route_dump(struct host *h, uint64_t netns, uint64_t pid, enum host_route what,
	int (*each)(void *arg, const char *buf, size_t len), void *arg)
{
	auto_strbuf all = { 0 };
	size_t chunks = 0;
	char path[64];

	snprintf(path, sizeof(path), "netlink/%llu/%s.bin", (unsigned long long)netns,
		what == HOST_LINKS ? "link" : "qdisc");
	if (!host_is_live(h))
		return replay(h, path, each, arg);
	auto_close fd = socket_in(netns, pid, NETLINK_ROUTE);
	int err = fd < 0 ? fd : ask_route(fd, what);

	if (err == 0)
		err = dump(fd, each, arg, host_tapped(h), &all, &chunks);
	host_show(h, 'f', path, err, all.bytes, all.len);
	return err;
}

/* The file as the process, which is in that namespace now, sees it. */
static ssize_t read_here(const char *path, char *buf, size_t size)
{
	char full[160];

	snprintf(full, sizeof(full), "/%s", path);
	auto_close fd = open(full, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size);

	return n < 0 ? -errno : n;
}

int host_netns_read(struct host *h, uint64_t netns, uint64_t pid, const char *const *paths,
	size_t n, host_netns_fn *each, void *arg)
{
	char text[4096], path[192];
	bool visit = netns != 0 && host_is_live(h);
	int here = -1, err = visit ? enter(netns, pid, &here) : 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		if (netns == 0)
			snprintf(path, sizeof(path), "%s", paths[i]);
		else
			snprintf(path, sizeof(path), "netns/%llu/%s", (unsigned long long)netns,
				paths[i]);
		ssize_t len = visit ? read_here(paths[i], text, sizeof(text))
				    : host_read(h, path, text, sizeof(text));

		if (visit)
			host_show(h, 'f', path, len < 0 ? (int)len : 0, text,
				len < 0 ? 0 : (size_t)len);
		each(arg, i, len < 0 ? (int)len : 0, text, len < 0 ? 0 : (size_t)len);
	}
	int left = leave(here);

	return err < 0 ? err : left;
}
