/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_VIEW_TCP_PRIVATE_H
#define MURPHY_VIEW_TCP_PRIVATE_H

#include "view/tcp.h"

/* The groups of r->row, in order. 0 or -ENOMEM. */
int tcp_view_groups(struct tcp_report *r, struct arena *a);

#endif
