/* SPDX-License-Identifier: MIT */
/* Names in files of the kernel that separates fields by blanks: mountinfo, swaps. */
#ifndef MURPHY_SOURCE_MANGLED_H
#define MURPHY_SOURCE_MANGLED_H

#include "base/cursor.h"
#include "table/table.h"

/*
 * Intern s as it was before the kernel wrote blank, tab, line feed, '\' and '#' as \ooo; cut at
 * 4096 bytes. Source: fs/proc_namespace.c, mangle(); fs/seq_file.c, mangle_path().
 */
text_t mangled_intern(struct table *t, struct span s);

#endif
