/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_TABLE_QUANTITY_H
#define MURPHY_TABLE_QUANTITY_H

#include "base/human.h"
#include "table/table.h"

/* "77 GiB", "12 /s", or the state's name when there is no value. */
struct human quantity_human(enum unit unit, struct reading value);

#endif
