/* SPDX-License-Identifier: MIT */
/* Walking netlink messages and their attributes, as the kernel sent them or as a file has them. */
#ifndef MURPHY_SOURCE_NETLINK_H
#define MURPHY_SOURCE_NETLINK_H

#include "base/cursor.h"

struct nl_message {
	uint16_t type, flags;
	struct cursor body;
};

struct nl_attribute {
	uint16_t type; /* without its flags */
	const char *data;
	size_t len;
};

/* The next message of those back to back. 1, 0 at the end, -EINVAL a length that does not fit. */
int nl_message(struct cursor *c, struct nl_message *ret_message);

/* The next attribute; c is behind the message's fixed part. 1, 0 at the end, -EINVAL. */
int nl_attribute(struct cursor *c, struct nl_attribute *ret_attribute);

/* Copy the fixed part of a message, or of an attribute, that c begins with, and go behind it. */
bool nl_take(struct cursor *c, void *ret_head, size_t size);

#endif
