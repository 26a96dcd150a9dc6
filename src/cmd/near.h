/* SPDX-License-Identifier: MIT */
/* What somebody may have meant who wrote an id that is none. */
#ifndef MURPHY_CMD_NEAR_H
#define MURPHY_CMD_NEAR_H

#include "check/house.h"

struct near {
	char text[256]; /* " (near: mem.oom, mem.pressure)", "" when nothing comes near */
};

/*
 * Of the checks and of house's rules (NULL: none) those whose ids hold word or are spelt like it.
 */
struct near near_ids(const char *word, size_t len, const struct house *house);

#endif
