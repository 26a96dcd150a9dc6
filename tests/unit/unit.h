/* SPDX-License-Identifier: MIT */
/* What every unit test includes last. */
#ifndef MURPHY_TESTS_UNIT_H
#define MURPHY_TESTS_UNIT_H

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/*
 * This test cannot run here, since reason. tools/count-results.py reads the line, and cmocka's own
 * "[  SKIPPED ] NAME" after it: the program's exit code is 0 all the same.
 */
#define skip_because(reason)                                  \
	do {                                                  \
		print_message("[ REASON   ] %s\n", (reason)); \
		skip();                                       \
	} while (0)

#endif
