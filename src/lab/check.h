/* SPDX-License-Identifier: MIT */
/* The matrix lab x finding: does murphy say what each lab is, and nothing on a healthy twin? */
#ifndef MURPHY_LAB_CHECK_H
#define MURPHY_LAB_CHECK_H

#include <stdbool.h>
#include <stddef.h>

struct lab;

/* The path of murphy's executable, beside our own or where it is installed; false: neither. */
bool lab_find_murphy(char *path, size_t size);

/*
 * Run the n named labs (0: all), one after the other, and murphy over each. murphy is the path of
 * its executable. seconds: how long it looks, 0: as long as it likes. Prints the matrix. 0 when all
 * that could run passed, else 1; LAB_SKIPPED when none could.
 */
int lab_check(const char *const names[], size_t n, const char *murphy, unsigned seconds);

/* Start one lab, print what it says and murphy's report, end it. 0, 1, LAB_SKIPPED. */
int lab_show(const struct lab *lab, const char *murphy);

#endif
