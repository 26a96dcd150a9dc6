/* SPDX-License-Identifier: MIT */
/*
 * The vital signs of a machine with nothing wrong, in five lines, and the limits that are nearest:
 * silence has to be earned.
 */
#ifndef MURPHY_VIEW_VITALS_H
#define MURPHY_VIEW_VITALS_H

#include "model/model.h"

enum { VITALS_MAX = 10 };

struct vitals {
	struct arena arena; /* owns the text: arena_release() */
	struct {
		const char *name, *text;
	} line[VITALS_MAX];
	size_t n;
};

void vitals_make(const struct model *m, struct vitals *v);

#endif
