/* SPDX-License-Identifier: MIT */
/* The matrix lab x finding: does murphy say what each lab is, and nothing on a healthy twin? */
#ifndef MURPHY_LAB_CHECK_H
#define MURPHY_LAB_CHECK_H

#include <stddef.h>

/*
 * Run the n named labs (0: all), one after the other, and murphy over each. murphy is the path of
 * its executable, NULL: searched beside our own. seconds: how long it looks, 0: as long as it likes.
 * Prints the matrix. 0 when all that could run passed, else 1; LAB_SKIPPED when none could.
 */
int lab_check(const char *const names[], size_t n, const char *murphy, unsigned seconds);

#endif
