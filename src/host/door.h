/* SPDX-License-Identifier: MIT */
/* What the files of this folder, and nobody else, need of a host. */
#ifndef MURPHY_HOST_DOOR_H
#define MURPHY_HOST_DOOR_H

#include "host/host.h"

/* Show an answer to the tap, if there is one. */
void host_show(struct host *h, char kind, const char *path, int err, const char *bytes, size_t len);

/* Is somebody looking? Then answers that are not kept anyway have to be kept for showing. */
bool host_tapped(const struct host *h);

/*
 * Does a dump of netlink end in this chunk, messages back to back? 0 goes on, 1 ended well, -errno:
 * the kernel's, or -EBADMSG. Pure: the fuzzer calls it directly.
 */
int host_netlink_end(const char *buf, size_t len);

#endif
