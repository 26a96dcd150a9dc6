/* SPDX-License-Identifier: MIT */
/*
 * What changed in the last day, in a line each of boots, of what was done to packages, and of
 * kernel settings: the first question of whoever comes to a sick machine.
 */
#ifndef MURPHY_VIEW_RECENT_H
#define MURPHY_VIEW_RECENT_H

#include "model/model.h"

enum { RECENT_MAX = 6 };

struct recent {
	struct arena arena; /* owns the text: arena_release() */
	const char *line[RECENT_MAX];
	size_t n; /* 0: nothing, or unknown */
};

void recent_make(const struct model *m, struct recent *v);

#endif
