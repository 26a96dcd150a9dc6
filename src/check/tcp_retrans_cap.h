/* SPDX-License-Identifier: MIT */
/* Transfers that are as fast as a loss lets them, though it is far too small to be a warning. */
#ifndef MURPHY_CHECK_TCP_RETRANS_CAP_H
#define MURPHY_CHECK_TCP_RETRANS_CAP_H

#include "check/check.h"
#include "model/tcp_cap.h"

enum { LOSS_CAPS_MAX = 64 };

struct loss_caps {
	struct loss_cap {
		const struct tcp_socket *socket;
		struct tcp_cap cap;
		bool told;
	} of[LOSS_CAPS_MAX];
	size_t n;
};

/* In the judgement's arena; NULL: no memory. */
struct loss_caps *loss_caps_find(struct judgement *j, const struct model *m);

/* False: asked for their owners, call again. */
bool loss_caps_ask(struct judgement *j, const struct model *m, const struct loss_caps *list);

/* One finding for each peer of a network namespace. */
void loss_caps_report(struct judgement *j, const struct model *m, struct loss_caps *list);

#endif
