/* SPDX-License-Identifier: MIT */
#include "source/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

static void skip(struct cursor *c, size_t step)
{
	c->at += step < cursor_left(c) ? step : cursor_left(c);
}

int nl_message(struct cursor *c, struct nl_message *ret_message)
{
	struct nlmsghdr head;

	if (cursor_end(c))
		return 0;
	if (cursor_left(c) < sizeof(head))
		return -EINVAL;
	memcpy(&head, c->at, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > cursor_left(c))
		return -EINVAL;
	*ret_message = (struct nl_message){ head.nlmsg_type, head.nlmsg_flags,
		cursor_of(c->at + sizeof(head), head.nlmsg_len - sizeof(head)) };
	skip(c, NLMSG_ALIGN((size_t)head.nlmsg_len));
	return 1;
}

int nl_attribute(struct cursor *c, struct nl_attribute *ret_attribute)
{
	struct nlattr a;

	if (cursor_left(c) < sizeof(a))
		return 0;
	memcpy(&a, c->at, sizeof(a));
	if (a.nla_len < sizeof(a) || a.nla_len > cursor_left(c))
		return -EINVAL;
	*ret_attribute = (struct nl_attribute){ a.nla_type & NLA_TYPE_MASK, c->at + sizeof(a),
		a.nla_len - sizeof(a) };
	skip(c, NLA_ALIGN((size_t)a.nla_len));
	return 1;
}

bool nl_take(struct cursor *c, void *ret_head, size_t size)
{
	if (cursor_left(c) < size)
		return false;
	memcpy(ret_head, c->at, size);
	c->at += size;
	return true;
}
