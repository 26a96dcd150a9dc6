/* SPDX-License-Identifier: MIT */
/* What the files of this folder, and nobody else, need of a host. */
#ifndef MURPHY_HOST_DOOR_H
#define MURPHY_HOST_DOOR_H

#include "host/host.h"

/* Show an answer to the tap, if there is one. */
void host_show(struct host *h, char kind, const char *path, int err, const char *bytes, size_t len);

/* Is somebody looking? Then answers that are not kept anyway have to be kept for showing. */
bool host_tapped(const struct host *h);

#endif
