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

#endif
