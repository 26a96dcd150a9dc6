/* SPDX-License-Identifier: MIT */
/*
 * How long a task was delayed, by taskstats over generic netlink: kernel/taskstats.c,
 * Documentation/accounting/delay-accounting.rst.
 */
#include "base/cursor.h"
#include "host/host.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/*
 * Version 15 (6.14 to 6.14.8) put new fields in the middle, 16 moved them to the end: what the
 * header names is somewhere else there, and nobody has that kernel for long.
 */
enum { ANSWER_MAX = 4096, SILENCE_MS = 100, VERSION_SHIFTED = 15 };

/* One attribute of the question. */
struct question {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	struct nlattr attr;
	char value[16];
};

static int ask(
	int fd, uint16_t family, uint8_t command, uint16_t attr, const void *value, size_t len)
{
	struct question q = { .head = { .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST },
		.genl = { .cmd = command, .version = 1 },
		.attr = { .nla_type = attr, .nla_len = (uint16_t)(NLA_HDRLEN + len) } };

	memcpy(q.value, value, len);
	q.head.nlmsg_len = (uint32_t)(offsetof(struct question, value) + NLA_ALIGN(len));
	return send(fd, &q, q.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* The attributes of the one message that answers. 0 or -errno. */
static int answer(int fd, char *buf, struct cursor *ret_attrs)
{
	struct nlmsghdr head;
	ssize_t n = recv(fd, buf, ANSWER_MAX, 0);
	int err = -EBADMSG;

	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if ((size_t)n < sizeof(head) + sizeof(err))
		return -EBADMSG;
	memcpy(&head, buf, sizeof(head));
	if (head.nlmsg_type == NLMSG_ERROR) {
		memcpy(&err, buf + sizeof(head), sizeof(err));
		return err < 0 ? err : -EBADMSG;
	}
	if (head.nlmsg_len > (size_t)n || head.nlmsg_len < sizeof(head) + GENL_HDRLEN)
		return -EBADMSG;
	*ret_attrs = cursor_of(
		buf + sizeof(head) + GENL_HDRLEN, head.nlmsg_len - sizeof(head) - GENL_HDRLEN);
	return 0;
}

/* The payload of the first attribute of that type. */
static bool find_attr(struct cursor c, uint16_t type, struct cursor *ret_value)
{
	while (cursor_left(&c) >= sizeof(struct nlattr)) {
		struct nlattr a;

		memcpy(&a, c.at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > cursor_left(&c))
			return false;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*ret_value = cursor_of(c.at + NLA_HDRLEN, a.nla_len - NLA_HDRLEN);
			return true;
		}
		size_t step = NLA_ALIGN((size_t)a.nla_len);

		c.at += step < cursor_left(&c) ? step : cursor_left(&c);
	}
	return false;
}

int host_delays_open(const struct host *h, struct host_delays_door *ret_door)
{
	struct timeval patience = { .tv_usec = SILENCE_MS * 1000 };
	char buf[ANSWER_MAX];
	struct cursor attrs = { 0 }, id = { 0 };
	uint16_t family = 0;

	if (!host_is_live(h))
		return -ENOENT;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0)
		return -errno;
	int err = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ? -errno
											   : 0;

	if (err == 0)
		err = ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
			TASKSTATS_GENL_NAME, sizeof(TASKSTATS_GENL_NAME));
	if (err == 0)
		err = answer(fd, buf, &attrs);
	if (err == 0 && find_attr(attrs, CTRL_ATTR_FAMILY_ID, &id) &&
		cursor_left(&id) >= sizeof(family))
		memcpy(&family, id.at, sizeof(family));
	else if (err == 0)
		err = -EBADMSG;
	if (err < 0) {
		close(fd);
		return err;
	}
	*ret_door = (struct host_delays_door){ .fd = fd, .family = family };
	return 0;
}

void host_delays_close(const struct host_delays_door *door)
{
	close(door->fd);
}

int host_delays(const struct host_delays_door *door, uint64_t tid, struct host_delays *ret_delays)
{
	struct taskstats s = { 0 };
	struct cursor attrs = { 0 }, both, stats;
	uint32_t pid = (uint32_t)tid;
	char buf[ANSWER_MAX];
	int err = ask(door->fd, door->family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &pid,
		sizeof(pid));

	if (err == 0)
		err = answer(door->fd, buf, &attrs);
	if (err < 0)
		return err;
	if (!find_attr(attrs, TASKSTATS_TYPE_AGGR_PID, &both) ||
		!find_attr(both, TASKSTATS_TYPE_STATS, &stats))
		return -EBADMSG;
	/* It grew with kernels: what one does not send stays 0. */
	memcpy(&s, stats.at, cursor_left(&stats) < sizeof(s) ? cursor_left(&stats) : sizeof(s));
	if (s.version == VERSION_SHIFTED)
		return -EOPNOTSUPP;
	*ret_delays = (struct host_delays){
		.swapin_ns = s.swapin_delay_total,
		.reclaim_ns = s.freepages_delay_total,
		.thrash_ns = s.thrashing_delay_total,
	};
#if TASKSTATS_VERSION >= 11
	ret_delays->compact_ns = s.compact_delay_total;
#endif
	return 0;
}
