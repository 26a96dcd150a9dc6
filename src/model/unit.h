/* SPDX-License-Identifier: MIT */
/* Which unit of systemd a control group belongs to, by its path. */
#ifndef MURPHY_MODEL_UNIT_H
#define MURPHY_MODEL_UNIT_H

#include "base/cursor.h"

/*
 * The service or scope of the system's systemd that path is of: the outermost one, below slices
 * alone. What runs in user@1000.service or in a container has units below that only a manager of
 * its own knows. Empty: none.
 */
struct span unit_of_path(const char *path);

#endif
