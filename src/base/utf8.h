/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_BASE_UTF8_H
#define MURPHY_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The code point at p, of which left bytes (at least 1) may be read. Returns its length, 0 when it
 * is not valid UTF-8: overlong, a surrogate, beyond U+10FFFF or cut. NUL is a code point.
 */
size_t utf8_next(const char *p, size_t left, uint32_t *ret_code);

/* False for what steers a terminal or reorders its line: controls, separators, bidi marks. */
bool utf8_harmless(uint32_t code);

#endif
