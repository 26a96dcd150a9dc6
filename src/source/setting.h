/* SPDX-License-Identifier: MIT */
/* How rows of table setting are made. */
#ifndef MURPHY_SOURCE_SETTING_H
#define MURPHY_SOURCE_SETTING_H

#include "base/cursor.h"
#include "source/source.h"

/* What is longer is cut: boot parameters and lists of modules, not what decides anything. */
enum { SETTING_VALUE_MAX = 512 };

/*
 * Add a row. Blanks and line breaks of value become single blanks. secret: its owner may have put
 * words of their own there. 0 or -ENOMEM.
 */
int setting_put(struct table *t, const char *of, const char *what, struct span name,
	struct span value, bool secret);

/* What /proc/sys says, into t, but what is secret or never the same twice. 0 or -errno. */
int setting_read_sysctl(struct probe *p, struct table *t);

#endif
