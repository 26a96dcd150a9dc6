/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_BASE_GLOB_H
#define MURPHY_BASE_GLOB_H

#include <stdbool.h>

/*
 * Does pattern match the whole text? * is any bytes, ? one byte, all else itself. Takes at most
 * length times length steps, whatever the pattern (fnmatch(3) has no such bound), and knows no
 * locale.
 */
bool glob_match(const char *pattern, const char *text);

#endif
